"""The heap as a long-running program has it: freed memory stays with the process, for the next array.

glibc gives memory back to the system above a size that starts at 128 KB and grows with the largest block freed so far, up to
twice 32 MB. Until a program has freed a large array every temporary of more than a few kilobytes may cost page faults, and a
sweep makes many: the gradient of Rosenbrock's function at 10 000 numbers took four times as long. Other allocators, and a
glibc told otherwise by MALLOC_TRIM_THRESHOLD_ or MALLOC_MMAP_THRESHOLD_, are left as they are.
"""

from contextlib import suppress

import numpy as np

LARGE = 31 << 20  # just under glibc's limit; never touched, so it costs two system calls and no memory


def settle() -> None:
    """Free one large array."""
    with suppress(MemoryError):
        np.empty(LARGE, np.uint8)
