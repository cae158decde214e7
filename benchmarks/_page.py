"""What a run leaves behind: the bars on the terminal, figures.csv, a plot per benchmark and the page that gathers them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from html import escape
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from . import _promises
from ._report import duration

Found = dict[str, Any]    # what a benchmark wrote to JSON
COLUMNS = ("contender", "first_ns", "quartile_1_ns", "median_ns", "quartile_3_ns", "unit", "ratio", "over_hand",
           "best_peer", "over_peer", "share_of_limit", "first_resident_bytes", "peak_bytes",
           "samples")
STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:70em;margin:2em auto;padding:0 1em}table{border-collapse:collapse;
margin:.5em 0 1.5em}td,th{padding:.15em .7em;text-align:right;border-bottom:1px solid #ddd}td:first-child,th:first-child{
text-align:left}.missed{color:#b00}img{max-width:100%}h3{margin-bottom:.2em}small{color:#555}"""


def bars(found: Sequence[Found]) -> list[tuple[str, dict[str, Any]]]:
    return [(f["benchmark"], bar) for f in found for case in f["cases"] for bar in case.get("bars", [])]


def verdicts(found: Sequence[Found]) -> list[str]:
    """How many bars hold, and every one that does not: the misses are the news."""
    every = bars(found)
    missed = [(name, bar) for name, bar in every if not bar["holds"]]
    lines = [f"{len(every) - len(missed)} of {len(every)} bars hold"
             + (" (quick: too few samples to judge)" if any(f["quick"] for f in found) else "")]
    return (lines + [f"  MISSED {name}: {said(bar)}" for name, bar in missed]
            + [f"  FAILED {f['benchmark']}, {case['title']}, {name}: {message}"
               for f in found for case in f["cases"] for name, message in case.get("failed", {}).items()])


def said(bar: dict[str, Any]) -> str:
    sign = "≥" if bar["at_least"] else "≤"
    figure = "not measured" if bar["figure"] is None else f"{bar['figure']:.2f} {bar['unit']}"
    return f"{bar['promise']}: {figure}, promised {sign} {bar['limit']:g} {bar['unit']}"


def written(found: Sequence[Found], folder: Path) -> Path:
    """Write figures.csv, bars.csv, the plots (with matplotlib) and index.html to the folder; give the page."""
    _promises.write(found, folder / "bars.csv")
    with (folder / "figures.csv").open("w", encoding="utf-8", newline="") as file:
        file.writelines(f"# {key}: {value}\n" for key, value in found[0]["machine"].items())
        out = csv.writer(file)
        out.writerow(("benchmark", "case", *COLUMNS))
        for f in found:
            for case in f["cases"]:
                out.writerows((f["benchmark"], case["title"], *(row.get(c, "") for c in COLUMNS))
                              for row in case.get("rows", []))
                out.writerows((f["benchmark"], case["title"], *what) for what in case.get("failed", {}).items())
    sections = [section(f, drawn(f, folder)) for f in found]
    machine = ", ".join(f"{k} {v}" for k, v in found[0]["machine"].items() if v is not None)
    judged = "".join(f"<tr{'' if bar['holds'] else ' class=missed'}><td>{escape(name)}</td><td>{escape(said(bar))}</td><td>"
                     f"{'holds' if bar['holds'] else 'MISSED'}</td></tr>" for name, bar in bars(found))
    page = folder / "index.html"
    page.write_text(
        f"<!doctype html><html lang=en><meta charset=utf-8><title>dualdiff: benchmarks</title><style>{STYLE}</style>"
        f"<h1>What derivatives cost</h1><p><small>{escape(machine)}</small></p><p>{escape(verdicts(found)[0])}.</p>"
        f"<details open><summary>what was promised</summary>{_promises.html(found)}</details>"
        f"<details><summary>all bars</summary><table>{judged}</table></details>{''.join(sections)}</html>\n", encoding="utf-8")
    return page


def section(f: Found, images: Sequence[Path]) -> str:
    doc = (import_module(f"benchmarks.{f['benchmark']}").__doc__ or "").strip()
    parts = [f"<h2 id={f['benchmark']}>{escape(f['benchmark'])}</h2><p>{escape(doc)}</p>"]
    parts += [f'<p><img src="{image.name}" alt="{escape(f["benchmark"])}"></p>' for image in images]
    for case in f["cases"]:
        if rows := case.get("rows"):
            body = "".join(f"<tr><td>{escape(r['contender'])}</td>" + "".join(f"<td>{cell}</td>" for cell in (
                duration(r["first_ns"]), duration(r["median_ns"]), f"{r['ratio']:.2f}", times(r, "over_hand"),
                times(r, "over_peer"), f"{r['share_of_limit']:.1%}" if "share_of_limit" in r else "",
                f"{r['first_resident_bytes'] / 1e6:.0f}" if "first_resident_bytes" in r else "",
                f"{r['peak_bytes'] / 1e6:.2f}" if "peak_bytes" in r else "")) + "</tr>" for r in rows)
            best = rows[0].get("best_peer")
            head = ("", "first call", "median", f"× {rows[0]['contender']}", "× by hand", f"× {best or 'best peer'}",
                    "of the copy limit", "first call's MB", "peak MB")
            parts.append(f"<h3>{escape(case['title'])}</h3><table><tr>" + "".join(f"<th>{escape(h)}</th>" for h in head)
                         + f"</tr>{body}</table>")
        parts += [f"<p class=missed>FAILED {escape(name)}: {escape(message)}</p>"
                  for name, message in case.get("failed", {}).items()]
        parts += [f"<p{'' if bar['holds'] else ' class=missed'}>{escape(said(bar))}</p>" for bar in case.get("bars", [])]
    return "".join(parts)


def times(row: dict[str, Any], key: str) -> str:
    return f"{row[key]:.2f}" if key in row else ""


def drawn(f: Found, folder: Path) -> list[Path]:
    """The plots of one benchmark: its own ``draw(found, folder)``, or a dot per contender and case."""
    if not find_spec("matplotlib"):
        print("no plots: matplotlib is not installed, the extra bench brings it")
        return []
    import matplotlib as mpl
    mpl.use("Agg")
    draw = getattr(import_module(f"benchmarks.{f['benchmark']}"), "draw", dots)
    try:
        return list(draw(f, folder))
    except (ValueError, KeyError) as error:                # of a run that was cut short
        print(f"no plot of {f['benchmark']}: {error!r}")
        return []


def dots(f: Found, folder: Path) -> list[Path]:
    """Cases down, time across on a log axis, one colour per contender, quartiles as whiskers."""
    from matplotlib import pyplot as plt
    cases = [c for c in f["cases"] if c.get("rows")][:60]
    contenders = list(dict.fromkeys(r["contender"] for c in cases for r in c["rows"]))
    if not cases:
        return []
    figure, axes = plt.subplots(figsize=(9, 1.5 + 0.28 * len(cases)), layout="constrained")
    for j, name in enumerate(contenders[:20]):
        points = [(i, r) for i, c in enumerate(cases) for r in c["rows"] if r["contender"] == name]
        middle = [r["median_ns"] / 1e9 for _, r in points]
        spread = [[(r["median_ns"] - r["quartile_1_ns"]) / 1e9 for _, r in points],
                  [(r["quartile_3_ns"] - r["median_ns"]) / 1e9 for _, r in points]]
        axes.errorbar(middle, [i for i, _ in points], xerr=spread, fmt="osD^v<>"[j // 10 % 7], ms=4, color=f"C{j % 10}",
                      label=name)
    axes.set(xscale="log", xlabel="seconds", title=f["benchmark"], yticks=range(len(cases)))
    axes.set_yticklabels([c["title"][:70] for c in cases], fontsize=7)
    axes.invert_yaxis()
    axes.grid(axis="x", alpha=0.3)
    axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))
    file = folder / f"{f['benchmark']}.png"
    figure.savefig(file, dpi=80)
    plt.close(figure)
    return [file]
