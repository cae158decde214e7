"""Print the command that README.md gives under the comment ``<!-- command: NAME -->``.

The commands are taken from the README rather than copied, so that what is promised and what is tested are the
same text.
"""

import re
import sys
from pathlib import Path


def readme_command(readme: str, name: str) -> str:
    """Return the one line inside the code fence that follows the comment."""
    fence = rf"<!-- command: {re.escape(name)} -->\n+```\w*\n(.*?)\n```"
    found: list[str] = re.findall(fence, readme, re.DOTALL)
    if len(found) != 1 or "\n" in found[0]:
        sys.exit(f"README.md must give the command {name!r} once, on one line; found {found}")
    return found[0]


if __name__ == "__main__":
    root = Path(__file__).resolve().parent.parent
    print(readme_command((root / "README.md").read_text(encoding="utf-8"), sys.argv[1]))
