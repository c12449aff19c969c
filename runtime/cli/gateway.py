"""`python -m runtime init|run`: the gateway's command line.

The gateway is imported where a command needs it: the others start without it.
"""

import argparse
from typing import Any

from runtime.cli.say import write
from runtime.files import check_outputs, open_output

__all__ = ["add_gateway"]


def add_gateway(commands: "argparse._SubParsersAction[Any]") -> None:
    """Adds the gateway's commands to those of the runtime."""
    run = commands.add_parser("run", help="score live streams: the gateway process")
    run.add_argument("config", metavar="gateway.toml")
    run.add_argument(
        "--check", action="store_true", help="check everything and compute its costs; run nothing"
    )
    run.set_defaults(command=_run)

    init = commands.add_parser("init", help="write a commented gateway.toml for a detector")
    init.add_argument("model", metavar="MODEL.onnx")
    init.add_argument("-o", "--output", default="-", metavar="FILE", help="default stdout")
    init.add_argument("--replay", metavar="DATA.csv", help="for a trial: rows of a file as if live")
    init.set_defaults(command=_init)


def _run(args: argparse.Namespace) -> int:
    if args.check:
        from runtime.gateway.check import check

        report = check(args.config)
        for line in report.lines:
            write(line)
        return 0 if report.is_sound else 2
    from runtime.gateway.process import run

    return run(args.config)


def _init(args: argparse.Namespace) -> int:
    from runtime.gateway.config.init import first_config

    inputs = {"the detector": args.model, "--replay": args.replay}
    check_outputs({"-o": args.output}, inputs=inputs)
    text = first_config(args.model, beside=args.output, replay=args.replay)
    with open_output(args.output) as file:
        file.write(text.encode())
    return 0
