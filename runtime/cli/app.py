"""The command line of the runtime: `python -m runtime info|verify|vectors|score|run|…`."""

import argparse
from collections.abc import Callable, Sequence

from runtime.cli.gateway import add_gateway
from runtime.cli.info import run_info, run_vectors, run_verify
from runtime.cli.operators import add_operators
from runtime.cli.say import say
from runtime.cli.score import run_score
from runtime.clock.durations import parse_duration
from runtime.errors import InputError, KadError
from runtime.files import explained
from runtime.model.policy import OPTIONS, SHARES
from runtime.standard import forget_stdout, prepare, settle
from runtime.version import __version__


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        argv: Arguments. Default: those of the process.

    Returns:
        The exit code: 0 done, 1 the work failed, 2 usage or bad input; ended by a signal: 130 by
        Ctrl+C, and from `score` 143 by SIGTERM, 129 by SIGHUP.
    """
    prepare()
    args = _parser().parse_args(argv)
    command: Callable[[argparse.Namespace], int] = args.command
    try:
        code = command(args)
        settle()
    except KadError as error:
        say(f"error: {' '.join(str(error).split())}")
        return error.exit_code
    except BrokenPipeError:
        # The reader of our output has gone, as `head` does.
        forget_stdout()
        return 0
    except OSError as error:
        forget_stdout()
        say(f"error: {explained(error)}")
        return 1
    except KeyboardInterrupt:
        say("interrupted.")
        return 130
    return code


def _count(text: str) -> int:
    if (number := int(text)) < 0:
        raise argparse.ArgumentTypeError(f"must be at least 0, not {number}")
    return number


def _duration(text: str) -> float:
    try:
        return parse_duration(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _positive(text: str) -> float:
    if not (number := float(text)) > 0:
        raise argparse.ArgumentTypeError(f"must be above 0, not {number:g}")
    return number


def _add_reading(score: argparse.ArgumentParser) -> None:
    """Adds how the table is read, where that is not as in training."""
    reading = score.add_argument_group(
        "how the table is read", "Default: as in training, or found."
    )
    reading.add_argument("--time", metavar="COLUMN", help="the time column")
    reading.add_argument("--time-format", metavar="FORM", help="day-first, month-first, strptime's")
    reading.add_argument("--time-unit", metavar="UNIT", help="of numbers: s, ms, us, ns, excel …")
    reading.add_argument("--timezone", metavar="ZONE", help="of local times: Europe/Berlin")
    reading.add_argument("--decimal", choices=(".", ","), help="decimal mark")
    reading.add_argument("--missing", type=_words, metavar="A,B", help="what means no reading")
    reading.add_argument(
        "--resample", choices=("mean",), help="of each period, where data are faster than it"
    )


def _words(text: str) -> list[str | float]:
    words: list[str | float] = []
    for word in text.split(","):
        try:
            words.append(float(word))
        except ValueError:
            words.append(word.strip())
    return words


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m runtime",
        description="Score sensor streams with a detector exported by kad.",
    )
    parser.add_argument("--version", action="version", version=f"kad {__version__}")
    commands = parser.add_subparsers(
        required=True, metavar="info|verify|vectors|score|init|run|command"
    )

    info = commands.add_parser("info", help="what a detector file says about itself")
    info.add_argument("model", metavar="FILE.onnx")
    info.add_argument("--json", action="store_true", help="all of it, as JSON")
    info.set_defaults(command=run_info)

    check = commands.add_parser("verify", help="replay the file's golden vectors here")
    check.add_argument("model", metavar="FILE.onnx")
    check.set_defaults(command=run_verify)

    vectors = commands.add_parser("vectors", help="the file's golden vectors as JSON, for ports")
    vectors.add_argument("model", metavar="FILE.onnx")
    vectors.add_argument("-o", "--output", default="-", metavar="FILE", help="default stdout")
    vectors.set_defaults(command=run_vectors)

    score = commands.add_parser("score", help="score a CSV or JSON-lines file, or stdin")
    score.add_argument("model", metavar="FILE.onnx")
    score.add_argument("data", metavar="DATA.csv", help="CSV or JSON lines; - is stdin")
    score.add_argument(
        "-o", "--output", metavar="FILE", help="scores; default stdout, or none with --events"
    )
    score.add_argument("--events", metavar="FILE", help="events")
    alarm = score.add_mutually_exclusive_group()
    alarm.add_argument(
        "--false-alarms",
        metavar="BUDGET",
        help="of events, such as 1/week, or of the time in them, such as '1 %% of time'",
    )
    alarm.add_argument("--threshold", type=_positive, metavar="SEVERITY", help="instead of it")
    events = score.add_argument_group(
        "what makes an event", "Default: as the file says. TIME is in seconds, or such as 2h."
    )
    for name, text in OPTIONS.items():
        is_share = name in SHARES
        events.add_argument(
            f"--{name.replace('_', '-')}",
            type=float if is_share else _duration,
            metavar="SHARE" if is_share else "TIME",
            help=text,
        )
    _add_reading(score)
    score.add_argument("--format", choices=("csv", "jsonl"), default="csv", help="of the outputs")
    score.add_argument(
        "--reorder",
        type=_count,
        metavar="STEPS",
        help="wait this long for late rows; default: as in training for files, 0 for stdin",
    )
    score.add_argument("--threads", type=int, default=1, metavar="N", help="of onnxruntime")
    score.set_defaults(command=run_score)
    add_gateway(commands)
    add_operators(commands)
    return parser
