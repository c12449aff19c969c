"""A question to a running gateway by its state folder: a command file, and the answer to it."""

import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from runtime.errors import InputError, KadError
from runtime.gateway.pipeline.commander import ANSWERS, COMMANDS
from runtime.gateway.rules.command_json import parse_command

__all__ = ["NoAnswerError", "ask"]

_LOOK_S = 0.05


class NoAnswerError(KadError):
    """No gateway took the command, or none answered it in time."""


def ask(
    folder: str | Path,
    command: Mapping[str, Any],
    *,
    wait_s: float = 10.0,
    accepted: Callable[[dict[str, Any]], None] = lambda _: None,
) -> dict[str, Any]:
    """Gives a command to the gateway that uses a state folder, and waits for its answer.

    A command that no gateway takes is removed again: one that starts later does not find it.

    Args:
        folder: The gateway's state folder.
        command: As `rules.command_json` describes it, without an id.
        wait_s: Seconds to wait for the answer.
        accepted: Is told the first answer to a command that takes its time.

    Returns:
        The last answer: `ok`, and `changed` or `error`.

    Raises:
        InputError: No command, or no state folder that commands can be written to.
        NoAnswerError: No gateway took it, or none answered in time.
    """
    folder = Path(folder)
    now = time.time_ns()
    parse_command(json.dumps(command), origin="file", time_ns=now)
    if not (folder / COMMANDS).is_dir():
        raise InputError(
            f"The state folder of a gateway that takes commands must be given: it has a folder "
            f"`{COMMANDS}`. Received: {folder}. It is `state` in the [gateway] of gateway.toml, "
            "beside that file."
        )
    stem = f"{now}-{os.getpid()}"
    path = folder / COMMANDS / f"{stem}.json"
    answer = folder / ANSWERS / f"file-{stem}.json"
    _write(path, json.dumps(command).encode())
    until, is_accepted = time.monotonic() + wait_s, False
    try:
        while (found := _read(answer)) is None or _is_accepted(found):
            if found is not None and not is_accepted:
                is_accepted = True
                accepted(found)
            if time.monotonic() >= until:
                raise _unfinished(wait_s) if is_accepted else _silence(path, folder, wait_s)
            time.sleep(_LOOK_S)
    finally:
        _remove(path)
    _remove(answer)
    return found


def _write(path: Path, content: bytes) -> None:
    """Writes a file that whoever runs the gateway can read, under its name only when it is whole.

    Raises:
        InputError: It cannot be written.
    """
    part = path.with_suffix(".part")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        with os.fdopen(descriptor, "wb") as file:
            if hasattr(os, "fchmod"):
                os.fchmod(descriptor, 0o644)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        part.replace(path)
    except OSError as error:
        _remove(part)
        raise InputError(
            f"{path.parent} must be a folder in which commands can be written. "
            f"Received: {error.strerror}. Be the user who runs the gateway."
        ) from error


def _read(path: Path) -> dict[str, Any] | None:
    try:
        said = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise NoAnswerError(
            f"The command was answered, and the answer {path} cannot be read: {error}. "
            "Be the user who runs the gateway."
        ) from error
    return dict(said)


def _is_accepted(answer: Mapping[str, Any]) -> bool:
    """Whether another answer comes when it is done."""
    changed = answer.get("changed")
    return isinstance(changed, dict) and changed.get("state") == "accepted"


def _unfinished(wait_s: float) -> NoAnswerError:
    return NoAnswerError(
        f"The gateway accepted the command and was not done within {wait_s:g} s: it goes on. See "
        "its log, or wait longer with --wait."
    )


def _silence(path: Path, folder: Path, wait_s: float) -> NoAnswerError:
    """Takes the command back, and returns what is to be said."""
    if _remove(path):
        return NoAnswerError(
            f"A gateway must run on the state folder {folder}. Received: none that took the "
            f"command within {wait_s:g} s; it was taken back. Start it with "
            "`python -m runtime run gateway.toml`."
        )
    return NoAnswerError(
        f"The gateway took the command and did not answer within {wait_s:g} s: it may still be "
        "done. See its log, or wait longer with --wait."
    )


def _remove(path: Path) -> bool:
    """Removes a file; returns whether it was there, and could be."""
    try:
        path.unlink()
    except OSError:
        return False
    return True
