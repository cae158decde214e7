"""The command line: ``python -m dualdiff fit | predict | jacobian | check``. Arguments in, exit status out."""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
from collections.abc import Sequence
from typing import Any

from . import __version__
from .errors import DualdiffError

# What shells expect of a process that was interrupted: 128 + the number of SIGINT.
INTERRUPTED = 130
WRONG_INPUT = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out one command and return its exit status: 0, 1 if a check fails, 2 for wrong input, 130 for Ctrl-C."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without ∂ gets a question mark, not a traceback
    try:
        options = parser().parse_args(joined(sys.argv[1:] if argv is None else argv))
        status: int = options.run(options)
        sys.stdout.flush()
    except DualdiffError as error:
        print(f"dualdiff: {error}", file=sys.stderr)
        return WRONG_INPUT
    except KeyboardInterrupt:
        print("\ndualdiff: interrupted; nothing was written", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (OSError, MemoryError) as error:  # a name too long, a table too large
        print(f"dualdiff: {error or 'there is not enough memory for this'}", file=sys.stderr)
        return WRONG_INPUT
    return status


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m dualdiff", description="Exact derivatives of NumPy code by dual numbers.",
                                  allow_abbrev=False)
    top.add_argument("--version", action="version", version=f"dualdiff {__version__}")
    commands = top.add_subparsers(title="commands", required=True, metavar="{fit,predict,jacobian,check}")

    command = commands.add_parser(
        "fit", allow_abbrev=False, help="train models with derivatives from dual numbers, and write a report",
        description="Without FILE: a linear regression on Norris, a logistic regression on breast cancer and a small "
                    "network on iris. With FILE: one model on your data.")
    command.add_argument("file", nargs="?", metavar="FILE.csv", help="a table of numbers with one column to predict")
    command.add_argument("--target", metavar="COLUMN", help="the column to predict: its name, or its index from 0")
    command.add_argument("--model", choices=("linear", "logistic", "mlp", "curve"))
    command.add_argument("--task", choices=("classification", "regression"),
                         help="what a network predicts; by default classes if the target is text, else numbers")
    command.add_argument("--hidden", type=sizes, metavar="16,16", help="sizes of a network's hidden layers (default 16)")
    command.add_argument("--formula", metavar='"b1*exp(-b2*x)"', help="a curve: arithmetic of columns (x: the only one) and "
                         "parameters, with exp, log, sqrt, sin, tanh, …")
    command.add_argument("--start", metavar="b1=1,b2=0.5", help="a curve's parameters and where to start")
    command.add_argument("--save", metavar="MODEL", help="write the model, as JSON, for predict")
    command.add_argument("--mode", choices=("forward", "reverse", "backprop"), default="forward",
                         help="where derivatives come from (default forward)")
    command.add_argument("--header", action=argparse.BooleanOptionalAction, default=None,
                         help="whether the first row holds names (default: seen from the file)")
    command.add_argument("--test-fraction", type=fraction, metavar="SHARE",
                         help="share of the rows held out to test on (default 0.25)")
    command.add_argument("--seed", type=seed, default=0, metavar="N", help="of the split and of a network (default 0)")
    command.add_argument("--out", default="dualdiff-report", metavar="DIR", help="the report's folder (default %(default)s)")
    command.set_defaults(run=run_fit)

    command = commands.add_parser("predict", allow_abbrev=False, help="apply a model of fit --save to a table",
                                  description="Apply a model of fit --save to a table. A curve gives standard errors too.")
    command.add_argument("model", metavar="MODEL", help="the file that --save named")
    command.add_argument("file", metavar="FILE.csv", help="a table with the columns that the model was fitted to")
    command.add_argument("--out", metavar="FILE", help="write the predictions here, not to the terminal")
    command.add_argument("--header", action=argparse.BooleanOptionalAction, default=None,
                         help="whether the first row holds names (default: seen from the file)")
    command.set_defaults(run=run_predict)

    for name, run, what in (("jacobian", run_jacobian, "print the Jacobian of your own function"),
                            ("check", run_check, "compare your function's derivatives with differences; exit 1 if wrong")):
        command = commands.add_parser(name, allow_abbrev=False, help=what, description=f"{what[0].upper()}{what[1:]}.")
        command.add_argument("function", metavar="package.module:function",
                             help="the current directory is searched as well")
        command.add_argument("--at", action="append", required=True, metavar="POINT",
                             help="one argument: 2.0 is a number, 1.0,2.0 an array (2.0, one of one element), "
                                  "[[1,2],[3,4]] a matrix. Give --at again, or separate by ';', for further arguments")
        command.set_defaults(run=run)
    return top


def joined(argv: Sequence[str]) -> list[str]:
    """``--at -1,2`` as ``--at=-1,2``: argparse would take the point, or a formula that begins so, for an option."""
    words: list[str] = []
    for word in argv:
        if words and ((words[-1] == "--at" and re.match(r"-[\d.ij]", word)) or words[-1] == "--formula"):
            words[-1] += f"={word}"
        else:
            words.append(word)
    return words


# ---- types of options


def sizes(text: str) -> tuple[int, ...]:
    if not re.fullmatch(r"[1-9]\d*(,[1-9]\d*)*", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of sizes, such as 16 or 16,16")
    return tuple(map(int, text.split(",")))


def fraction(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number between 0 and 1")
    return value


def seed(text: str) -> int:
    if not re.fullmatch(r"\d{1,18}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 0")
    return int(text)


# ---- commands: imported when they run, so that --help and a mistyped option answer at once


def run_fit(options: Any) -> int:
    import numpy as np

    from .cli.fit import fit
    with np.errstate(all="ignore"):  # what overflows is refused by name
        return fit(options)


def run_predict(options: Any) -> int:
    from .cli.saved import predict
    return predict(options)


def run_jacobian(options: Any) -> int:
    from .cli.derivatives import print_jacobian
    return print_jacobian(options.function, options.at)


def run_check(options: Any) -> int:
    from .cli.derivatives import print_check
    return print_check(options.function, options.at)


if __name__ == "__main__":
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # from here on main answers it
    sys.exit(main())
