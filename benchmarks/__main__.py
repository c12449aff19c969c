"""`python -m benchmarks NAME`: measure what is not measured yet, keep it, print it."""

import argparse
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from rich.console import Console

from benchmarks.registry import BENCHMARKS, Entry

OPTIONS: dict[str, dict[str, Any]] = {
    "variants": {"dest": "names", "help": "such as rnn,gaussian (default: the main ones)"},
    "detector": {
        "dest": "names",
        "help": "such as gaussian,vae-lstm,rnn (default: the main ones; of budget gaussian)",
    },
    "data": {
        "choices": ("pump", "nab"),
        "default": "pump",
        "help": "a year of a pump, or normal parts of NAB (default: pump)",
    },
    "seeds": {"default": 3, "help": "trainings of each series, or pumps (default: 3)"},
    "jobs": {"default": 2, "help": "worker processes, one thread each (default: 2)"},
    "column": {
        "choices": ("score", "severity"),
        "default": "score",
        "help": "what the alarm policy thresholds (default: score)",
    },
    "families": {"help": "such as ecg,gait (default: all)"},
    "minutes": {"default": 0, "help": "length of a run (default: half a minute)"},
    "recipes": {
        "action": "store_true",
        "help": "let halves choose scoring options, too: takes minutes",
    },
    "fresh": {"action": "store_true", "help": "measure finished cases again"},
    "retry": {"action": "store_true", "help": "try failed cases again"},
    "stale": {
        "action": "store_true",
        "help": "keep scores that older code made with these settings",
    },
}


PAGE = "Write the one page of figures, benchmarks/results/README.md, from the tables beside it."


class _Parser(argparse.ArgumentParser):
    """A usage error is one line."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(formatter_class=_wide, **arguments)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"benchmarks: error: {message}\n")


def _wide(prog: str) -> argparse.HelpFormatter:
    return argparse.RawDescriptionHelpFormatter(prog, width=100)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        argv: Arguments. Default: those of the process.

    Returns:
        The exit code: 0 done, 2 usage, 130 interrupted.
    """
    reader = parser()
    given = vars(reader.parse_args(argv))
    name, only_show = given.pop("benchmark"), given.pop("show", False)
    console = Console(width=120)
    if name is None:
        reader.print_help()
        return 0
    if name == "page":
        from benchmarks.page import write

        write.write()
        console.print(f"Written to {write.PAGE}")
        return 0
    from benchmarks.protocol.benchmark import Options
    from benchmarks.protocol.run import run, show
    from benchmarks.protocol.variants import chosen
    from runtime.errors import InputError

    benchmark = BENCHMARKS[name].load(given.pop("data", "pump"))
    if only_show:
        show(benchmark, console)
        return 0
    try:
        names = chosen(given.pop("names", None), benchmark.default, known=benchmark.known)
        run(benchmark, Options(names=tuple(names), **given), console)
    except InputError as error:
        reader.error(str(error))
    except KeyboardInterrupt:
        if all(benchmark.tables.values()):
            console.print("Stopped. Finished cases are kept: the same command goes on from there.")
        else:
            console.print("Stopped. A table of timings is of one run: nothing was written.")
        return 130
    return 0


def parser() -> argparse.ArgumentParser:
    """Returns what reads the arguments."""
    helps = {name: entry.help for name, entry in BENCHMARKS.items()} | {"page": PAGE}
    lines = [f"  {name:14}{text}" for name, text in helps.items()]
    whole = _Parser(
        prog="python -m benchmarks",
        description=__doc__,
        epilog="\n".join(["benchmarks:", *lines, "", "NAME --help lists the options of one."]),
    )
    commands = whole.add_subparsers(dest="benchmark", metavar="NAME", help="one of those below")
    for name, entry in BENCHMARKS.items():
        _add(commands.add_parser(name, description=entry.help), entry)
    commands.add_parser("page", description=PAGE)
    return whole


def _add(parser: argparse.ArgumentParser, entry: Entry) -> None:
    for name in entry.options:
        arguments = OPTIONS[name]
        number: dict[str, Any] = (
            {"type": _count} if isinstance(arguments.get("default"), int) else {}
        )
        parser.add_argument(f"--{name}", **number, **arguments)
    parser.add_argument("--show", action="store_true", help="measure nothing, print what is kept")


def _count(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {number}")
    return number


if __name__ == "__main__":
    sys.exit(main())
