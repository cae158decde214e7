"""The heap as a long-running program has it: freed memory stays with the process, for the next array.

glibc gives memory back to the system above a size that starts at 128 KB and grows with the largest block freed so far, to
twice 32 MB. Until then every temporary may cost page faults: the gradient of Rosenbrock's function at 10 000 numbers took four
times as long. Other allocators, and what MALLOC_TRIM_THRESHOLD_ or MALLOC_MMAP_THRESHOLD_ say, are left as they are.
"""

from contextlib import suppress

import numpy as np

LARGE = 31 << 20  # just under glibc's limit; never touched, so it costs two system calls and no memory


def settle() -> None:
    """Free one large array."""
    with suppress(MemoryError):
        np.empty(LARGE, np.uint8)
