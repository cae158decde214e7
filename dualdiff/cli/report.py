"""The report folder: plots, the figures as JSON, and one page that shows them; there as a whole or not at all."""

from __future__ import annotations

import base64
import contextlib
import html
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from ..errors import CommandError
from .figures import Figure

PAGE, NUMBERS = "index.html", "report.json"
# In report.json, so that a folder can be recognised as ours before it is replaced.
MADE_BY = "dualdiff fit"
MADE_WITH = f"dualdiff {__version__}, NumPy {np.__version__}, Python {platform.python_version()}"
CSS = """
:root { color-scheme: light; }
body { font: 16px/1.55 system-ui, sans-serif; color: #22262b; background: #fff; margin: 2.5rem auto; max-width: 68rem;
       padding: 0 1.25rem; }
h1 { font-size: 1.7rem; margin: 0 0 .3rem; } h2 { font-size: 1.2rem; margin: 2.6rem 0 .8rem; }
p { max-width: 46rem; } .note { color: #5b616a; font-size: .92rem; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .42rem .9rem .42rem 0; border-bottom: 1px solid #e3e5e8; white-space: nowrap; }
th { font-weight: 600; border-bottom: 2px solid #22262b; } td.number, th.number { text-align: right; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(24rem, 1fr)); gap: 1.6rem; align-items: start; }
figure { margin: 0; } img { width: 100%; height: auto; } figcaption { color: #5b616a; font-size: .88rem; }
"""


def require_usable(folder: Path) -> None:
    """Raise CommandError, before any work is done, where the report could not be written or would replace what is not ours."""
    if folder.is_dir():
        try:
            strangers = not_ours(folder)
        except OSError as error:
            raise CommandError(f"--out {str(folder)!r} cannot be read ({error.strerror}); name another folder") from error
        if strangers:
            raise CommandError(f"--out {str(folder)!r} already holds {strangers[0]!r}, which is not of a report; name another "
                               "folder, or move it away")
    elif folder.exists() or folder.is_symlink():
        raise CommandError(f"--out {str(folder)!r} is a file; name a folder")
    parent = next(place for place in folder.absolute().parents if place.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise CommandError(f"--out {str(folder)!r}: {str(parent)!r} cannot be written to; name another folder")


def not_ours(folder: Path) -> list[str]:
    """What the folder holds beyond the files of an earlier report."""
    held = sorted(path.name for path in folder.iterdir())
    try:
        numbers = json.loads((folder / NUMBERS).read_text(encoding="utf-8"))
        ours = {NUMBERS, *numbers["files"]} if numbers["made by"] == MADE_BY else set()
    except (OSError, ValueError, KeyError, TypeError):
        ours = set()
    return [name for name in held if name not in ours]


def publish(out: Path, title: str, intro: str, header: Sequence[str], rows: Sequence[Sequence[str]], notes: Sequence[str],
            sections: Sequence[tuple[str, Sequence[Figure]]], fits: Sequence[dict[str, Any]]) -> None:
    """Write the report, and say where it is. A section is a heading with its plots."""
    text = page(title, f"{intro} {MADE_WITH}.", header, rows, notes, sections)
    drawn = [figure for _, figures in sections for figure in figures]
    write(out, {"version": __version__, "fits": fits, "notes": notes}, text, drawn)
    say(f"report: {out / PAGE}")


def say(*lines: str) -> None:
    """Print; a reader that has seen enough, such as ``head``, does not keep the report and the model from being written."""
    try:
        print(*lines, sep="\n", flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def write(folder: Path, numbers: dict[str, Any], page: str, figures: Sequence[Figure]) -> None:
    """Write everything beside ``folder`` under another name, then put it in its place by renaming."""
    require_usable(folder)
    folder = folder.absolute()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f"{folder.name}.partial-", dir=folder.parent))
        try:
            fresh.chmod(0o755)
            for figure in figures:
                (fresh / figure.name).write_bytes(figure.png)
            (fresh / PAGE).write_text(page, encoding="utf-8")
            made = {"made by": MADE_BY, "files": [PAGE, *(figure.name for figure in figures)], **numbers}
            (fresh / NUMBERS).write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
            swap(fresh, folder)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    except OSError as error:
        why = error.strerror or error
        raise CommandError(f"--out {str(folder)!r} cannot be written ({why}); name another folder") from error


def swap(fresh: Path, folder: Path) -> None:
    """Rename ``fresh`` to ``folder``; what was there, an earlier report, goes, or comes back if the renaming fails."""
    if not folder.exists():
        fresh.rename(folder)
        return
    old = Path(tempfile.mkdtemp(prefix=f"{folder.name}.partial-", dir=folder.parent))
    aside = old / folder.name
    try:
        folder.rename(aside)
        try:
            fresh.rename(folder)
        except BaseException:
            with contextlib.suppress(OSError):
                aside.rename(folder)
            raise
    finally:
        if folder.exists():
            shutil.rmtree(old, ignore_errors=True)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns lined up, as wide as their widest cell; columns of numbers to the right."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    right = [all(cell[:1].isdigit() and " " not in cell for cell in column) for column in zip(*rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        return "  ".join(cell.rjust(width) if flush else cell.ljust(width)
                         for cell, width, flush in zip(cells, widths, right, strict=True)).rstrip()

    return "\n".join([line(header), "  ".join("─" * width for width in widths), *map(line, rows)])


def page(title: str, intro: str, header: Sequence[str], rows: Sequence[Sequence[str]], notes: Sequence[str],
         sections: Sequence[tuple[str, Sequence[Figure]]]) -> str:
    """One HTML page that needs no other file: the images are inside it."""
    numeric = [all(cell[:1].isdigit() for cell in column) for column in zip(*rows, strict=True)]

    def line(cells: Sequence[str], tag: str) -> str:
        marks = [' class="number"' if right else "" for right in numeric]
        return "<tr>" + "".join(f"<{tag}{mark}>{html.escape(cell)}</{tag}>"
                                for cell, mark in zip(cells, marks, strict=True)) + "</tr>"

    table = "\n".join([line(header, "th"), *(line(row, "td") for row in rows)])
    body = [f"<h1>{html.escape(title)}</h1>", f"<p>{html.escape(intro)}</p>",
            f'<div class="scroll"><table>\n{table}\n</table></div>']
    body += [f'<p class="note">{html.escape(note)}</p>' for note in notes]
    for heading, figures in sections:
        shown = "\n".join(
            f'<figure><img alt="{html.escape(figure.caption)}" src="data:image/png;base64,'
            f'{base64.b64encode(figure.png).decode()}"><figcaption>{html.escape(figure.caption)}</figcaption></figure>'
            for figure in figures)
        body.append(f'<h2>{html.escape(heading)}</h2>\n<div class="figures">\n{shown}\n</div>')
    return (f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<meta name="viewport" '
            f'content="width=device-width, initial-scale=1">\n<meta name="generator" content="{MADE_BY}">\n'
            f"<title>{html.escape(title)}</title>\n<style>{CSS}</style>\n</head>\n<body>\n" + "\n".join(body)
            + "\n</body>\n</html>\n")
