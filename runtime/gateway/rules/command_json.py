"""Commands as operators write them, as JSON, and the answers.

    {"command": "mute", "streams": "a/p7", "channel": "flow", "for": "2h", "why": "cleaning"}
    {"command": "mute", "streams": "a/p8"}                       out of service, until unmuted
    {"command": "unmute", "streams": "a/p7"}
    {"command": "threshold", "streams": "a/*", "false_alarms": "1/month"}
    {"command": "limits", "streams": "a/p7", "limits": {"flow": {"low": 2, "on_delay_s": 30}}}
    {"command": "running", "streams": "a/p7", "state": "off"}
    {"command": "ack", "event": "a/p7-1772359140000", "note": "on my way"}
    {"command": "swap", "model": "pump", "file": "/models/pump-2.onnx"}
    {"command": "list", "what": "mutes"}

Every command may have an `id`, which its answer repeats, and `by`, who says it. Where it came from
and when is known to who receives it. A checked command is an entry of the journal.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from runtime.clock.durations import parse_duration
from runtime.clock.moments import to_ns
from runtime.errors import ConfigError, InputError, shown
from runtime.gateway.rules.commands import (
    KINDS,
    AnyCommand,
    LimitsCommand,
    MuteCommand,
    limits_by_channel,
    made,
)
from runtime.model.strict_json import read_json

__all__ = ["answer_to", "answered", "id_of", "parse_command", "refusal_of"]

_MOST_BYTES = 65_536
_MOST_TEXT = 1000
_ZONED = re.compile(r".*([zZ]|[+-]\d\d(:?\d\d)?)")


def parse_command(
    document: bytes | str, *, origin: str, time_ns: int, clock_is_set: bool = True
) -> AnyCommand:
    """Reads a command as a person or a program writes it; see the module.

    Args:
        document: JSON, UTF-8, at most 64 kB.
        origin: Where it came from.
        time_ns: When, by the wall clock.
        clock_is_set: Whether that can be trusted; without it, `until` is refused.

    Raises:
        ConfigError: No such JSON, an unknown command or key, or a value that cannot be.
        InputError: A duration, time, threshold or budget that cannot be read.
    """
    raw = dict(_object_of(document))
    word = raw.pop("command", None)
    kind = KINDS.get(word) if isinstance(word, str) else None
    if kind is None:
        raise ConfigError(f"A command must be one of {', '.join(KINDS)}. Received: {shown(word)}.")
    allowed = [f.name for f in fields(kind) if f.name not in ("origin", "time_ns")]
    if kind is MuteCommand:
        allowed = [name for name in allowed if name not in ("rest_s", "until_ns")]
        allowed += ["for", "until"]
    unknown = sorted(set(raw) - set(allowed))
    if unknown:
        raise ConfigError(
            f"A {word} command may have {', '.join(allowed)}. Received: {shown(unknown[0])}."
        )
    raw.setdefault("id", f"{origin}-{time_ns}"[:_MOST_TEXT])
    if kind is MuteCommand:
        raw |= _ends(raw.pop("for", None), raw.pop("until", None), time_ns, clock_is_set)
    if kind is LimitsCommand:
        if "limits" not in raw:
            raise ConfigError(
                "A limits command must have limits, by channel, or null for those of the "
                "configuration. Received: none."
            )
        raw["limits"] = limits_by_channel(raw["limits"])
    return made(kind, {**raw, "origin": origin, "time_ns": time_ns})


def answer_to(command: AnyCommand, changed: Any = None) -> tuple[str, str]:
    """Returns a command's id and its answer as JSON.

    Args:
        command: What was done.
        changed: What holds now, or was asked for; for JSON, without NaN.
    """
    return answered(command.id, command.word, changed)


def answered(command_id: str, word: str, changed: Any) -> tuple[str, str]:
    """Returns an id and the answer to a command that was done, or is under way.

    Args:
        command_id: As it was sent.
        word: Of the command.
        changed: What holds now, or was asked for; for JSON, without NaN.
    """
    said = {"id": command_id, "ok": True, "command": word, "changed": changed}
    return command_id, _json(said)


def refusal_of(command_id: str, error: InputError) -> tuple[str, str]:
    """Returns an id and the answer to a command that was not done.

    Args:
        command_id: See `id_of`.
        error: Why.
    """
    return command_id, _json({"id": command_id, "ok": False, "error": str(error)})


def id_of(document: bytes | str) -> str:
    """Returns the id of a command that cannot be read otherwise; empty where it has none."""
    try:
        found = _object_of(document).get("id")
    except ConfigError:
        return ""
    return found if isinstance(found, str) and len(found) <= _MOST_TEXT else ""


def _object_of(document: bytes | str) -> Mapping[str, Any]:
    if len(document) > _MOST_BYTES:
        raise _no_command(f"{len(document)} bytes")
    try:
        raw = read_json(document.decode() if isinstance(document, bytes) else document)
    except ValueError as error:  # also what is no UTF-8
        raise _no_command(str(error)) from error
    if not isinstance(raw, dict):
        raise _no_command(shown(raw))
    return raw


def _no_command(received: str) -> ConfigError:
    return ConfigError(
        f"A command must be a JSON object of at most {_MOST_BYTES} bytes, such as "
        '{"command": "mute", "streams": "a/p7", "for": "2h"}. '
        f"Received: {received[:_MOST_TEXT]}."
    )


def _ends(lasting: object, until: object, now_ns: int, is_set: bool) -> dict[str, Any]:  # noqa: FBT001
    """Returns the end of a mute in both ways."""
    if lasting is not None and until is not None:
        raise ConfigError("A mute must end after a time (for) or at one (until). Received: both.")
    if until is not None:
        if not isinstance(until, str) or not _ZONED.fullmatch(until.strip()):
            raise ConfigError(
                "`until` of a mute must be an ISO time with its zone, such as "
                f"2026-03-01T18:00:00+01:00 or 2026-03-01T17:00Z. Received: {shown(until)}."
            )
        if not is_set:
            raise ConfigError(
                "`until` of a mute needs a clock that is set, and the gateway's is not. Received: "
                f"{shown(until)}. Say for how long instead, such as 2h, or set `trust_clock`."
            )
        rest_ns = to_ns(until.strip()) - now_ns
        if rest_ns <= 0:
            raise ConfigError(
                f"`until` of a mute must lie ahead of now. Received: {shown(until)}, which is past."
            )
        return {"rest_s": rest_ns / 1e9, "until_ns": now_ns + rest_ns}
    if lasting is None:
        return {"rest_s": None, "until_ns": None}
    if not isinstance(lasting, str | int | float):
        raise ConfigError(
            f"`for` of a mute must be a duration, such as 2h. Received: {shown(lasting)}."
        )
    rest_s = parse_duration(lasting)
    return {"rest_s": rest_s, "until_ns": now_ns + round(rest_s * 1e9) if is_set else None}


def _json(value: object) -> str:
    return json.dumps(value, allow_nan=False, separators=(",", ":"))
