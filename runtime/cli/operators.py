"""`python -m runtime command STATE …`: what an operator asks of a running gateway.

The gateway is imported where a command needs it: the others start without it.
"""

import argparse
import json
import os
from pathlib import Path
from typing import Any

from runtime.cli.say import say, write
from runtime.clock.durations import parse_duration
from runtime.errors import InputError

__all__ = ["add_operators"]

_LISTS = ("mutes", "thresholds", "limits", "running", "streams", "events", "models", "all")


def add_operators(commands: "argparse._SubParsersAction[Any]") -> None:
    """Adds `command` to the commands of the runtime."""
    command = commands.add_parser(
        "command",
        help="ask a running gateway: mute, unmute, threshold, limits, running, ack, swap, list",
        description="Asks the gateway that uses a state folder, waits for its answer and prints "
        "it. Exit code 0: done; 1: refused, or no gateway answered; 2: no such command.",
    )
    command.add_argument("state", metavar="STATE", help="its state folder")
    words = command.add_subparsers(
        required=True, dest="word", metavar="mute|unmute|threshold|limits|running|ack|swap|list"
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--wait", type=_duration, metavar="TIME", help="for the answer; 10s, of a swap 2min"
    )
    common.add_argument("--by", default=os.environ.get("SUDO_USER", ""), help="who asks")
    common.add_argument("--json", action="store_true", help="the answer as it came")

    mute = words.add_parser("mute", parents=[common], help="no events of streams for a time")
    _add_streams(mute)
    mute.add_argument("--channel", help="only events of this channel")
    end = mute.add_mutually_exclusive_group()
    end.add_argument("--for", dest="lasting", metavar="TIME", help="such as 2h; default: no end")
    end.add_argument("--until", metavar="TIME", help="ISO with zone: 2026-03-01T18:00+01:00")
    mute.add_argument("--why", help="shown with it")

    unmute = words.add_parser("unmute", parents=[common], help="events of streams again")
    _add_streams(unmute)
    unmute.add_argument("--channel", help="only the mute of this channel")

    threshold = words.add_parser(
        "threshold", parents=[common], help="another threshold; without a value the configuration's"
    )
    _add_streams(threshold)
    value = threshold.add_mutually_exclusive_group()
    value.add_argument("severity", nargs="?", type=float, metavar="SEVERITY", help="such as 4.5")
    value.add_argument("--false-alarms", metavar="BUDGET", help="such as 1/month or '1 %% of time'")

    limits = words.add_parser(
        "limits", parents=[common], help="other limits; without a value the configuration's"
    )
    _add_streams(limits)
    limits.add_argument(
        "limits", nargs="*", metavar="CHANNEL.LIMIT=NUMBER", help="such as flow.low=2 flow.high=9"
    )

    running = words.add_parser("running", parents=[common], help="whether machines run")
    _add_streams(running)
    running.add_argument("running", choices=("on", "off", "signal"))

    ack = words.add_parser("ack", parents=[common], help="an event was seen; it goes on")
    ack.add_argument("event", metavar="EVENT", help="its id, or a stream: all that go on")
    ack.add_argument("--note", help="shown with it")

    swap = words.add_parser("swap", parents=[common], help="another file in a model's place")
    swap.add_argument("model", help="its key")
    swap.add_argument("file", metavar="FILE.onnx")

    listing = words.add_parser("list", parents=[common], help="what holds")
    listing.add_argument("what", nargs="?", choices=_LISTS, default="all")
    command.set_defaults(command=_run)


def _add_streams(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("streams", metavar="STREAMS", help="a name, or a pattern such as 'a/*'")


def _duration(text: str) -> float:
    try:
        return parse_duration(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _run(args: argparse.Namespace) -> int:
    from runtime.gateway.pipeline.ask import ask
    from runtime.gateway.rules.answer_text import answer_lines

    wait_s = args.wait
    if wait_s is None:
        wait_s = 120.0 if args.word == "swap" else 10.0

    def accepted(first: dict[str, Any]) -> None:
        for line in () if args.json else answer_lines(first):
            write(line)

    answer = ask(args.state, _command(args), wait_s=wait_s, accepted=accepted)
    if args.json:
        write(json.dumps(answer))
    elif answer["ok"]:
        for line in answer_lines(answer):
            write(line)
    else:
        say(f"error: {answer['error']}")
    return 0 if answer["ok"] else 1


def _command(args: argparse.Namespace) -> dict[str, Any]:
    """Returns what was asked for, as `rules.command_json` describes it.

    Raises:
        InputError: Limits that cannot be read.
    """
    given: dict[str, Any] = {"command": args.word}
    if args.by:
        given["by"] = args.by
    match args.word:
        case "swap":
            return {**given, "model": args.model, "file": str(Path(args.file).absolute())}
        case "ack":
            return {**given, "event": args.event, **_but_none(note=args.note)}
        case "list":
            return {**given, "what": args.what}
        case "running":
            more: dict[str, Any] = {"state": args.running}
        case "limits":
            more = {"limits": _limits(args.limits)}
        case "threshold":
            more = _but_none(threshold=args.severity, false_alarms=args.false_alarms)
        case "unmute":
            more = _but_none(channel=args.channel)
        case _:
            more = _but_none(channel=args.channel, until=args.until, why=args.why)
            more |= _but_none(**{"for": args.lasting})
    return {**given, "streams": args.streams, **more}


def _but_none(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _limits(words: list[str]) -> dict[str, dict[str, float]] | None:
    """Reads `flow.low=2`; a channel's name may have dots.

    Raises:
        InputError: Another form.
    """
    found: dict[str, dict[str, float]] = {}
    for word in words:
        name, _, number = word.rpartition("=")
        channel, _, limit = name.rpartition(".")
        try:
            found.setdefault(channel, {})[limit] = float(number)
        except ValueError:
            channel = ""
        if not channel:
            raise InputError(f"A limit must be such as flow.low=2. Received: {word}.")
    return found or None
