"""The JSON documents that go out: scores and events; numbers have six significant digits.

Missing numbers are null: NaN and infinity are no JSON. Times are milliseconds since 1970-01-01 UTC,
those of the samples.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from runtime.gateway.outputs import EventNotice, ScoredRows
from runtime.gateway.protocols import Publication
from runtime.gateway.samples import Quality

__all__ = [
    "MODEL_DIGITS",
    "OFFLINE",
    "ONLINE",
    "STATES",
    "answer_document",
    "arrays",
    "compact",
    "event_document",
    "in_parts",
    "milliseconds",
    "number",
    "numbers",
    "quality_of",
    "repeated",
    "repeated_text",
    "rounded",
    "score_documents",
    "text",
]

MODEL_DIGITS = 12
"""Of a detector's identity that documents have: enough to tell models apart."""
STATES: Mapping[bool, bytes] = {True: b"ON", False: b"OFF"}
"""What a `state` topic has: whether an event goes on."""
ONLINE, OFFLINE = b"online", b"offline"
"""What a `status` or `online` topic has."""

_MS = 10**6
_BOOL = ("false", "true")


def number(value: float) -> str:
    """Returns a number as JSON, with six significant digits; NaN and infinity are null."""
    return f"{value:.6g}" if math.isfinite(value) else "null"


def rounded(value: float) -> float | None:
    """Returns what `number` writes, as a number; None where it writes null."""
    return float(f"{value:.6g}") if math.isfinite(value) else None


def numbers(column: npt.NDArray[np.floating[Any]]) -> list[str]:
    """Returns `number` of each: float32 or float64 (steps,)."""
    texts = list(map("%.6g".__mod__, column.tolist()))
    for row in np.flatnonzero(~np.isfinite(column)):
        texts[row] = "null"
    return texts


def milliseconds(time_ns: int) -> int:
    """Returns a time as documents have it."""
    return time_ns // _MS


@lru_cache(maxsize=65_536)
def text(value: str) -> str:
    """Returns text as JSON that can be written as UTF-8, whatever is in it."""
    plain = json.dumps(value, ensure_ascii=False)
    try:
        plain.encode()
    except UnicodeEncodeError:  # half a surrogate pair
        return json.dumps(value)
    return plain


def compact(document: object) -> bytes:
    """Returns a document as JSON without spaces.

    Raises:
        ValueError: It has NaN or infinity.
    """
    plain = json.dumps(document, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    try:
        return plain.encode()
    except UnicodeEncodeError:
        return json.dumps(document, separators=(",", ":"), allow_nan=False).encode()


def quality_of(quality: int) -> str:
    """Returns the word: `good` where nothing is known against a row, else `uncertain`."""
    return "uncertain" if quality else "good"


def score_documents(
    scored: ScoredRows,
    at: npt.NDArray[np.intp] | None = None,
    *,
    repeat: bool = False,
    name_key: str = "",
    lead: str = "",
) -> list[bytes]:
    """Returns the document of each step.

    Args:
        scored: The steps.
        at: Which of them, intp (chosen,); all where not given.
        repeat: Whether they may have gone out before.
        name_key: Key of the stream's name; without it documents do not have it.
        lead: JSON members before all others, with a comma at the end.
    """
    at = np.arange(len(scored.names)) if at is None else at
    if not len(at):
        return []
    scores = scored.scores
    columns: list[Sequence[Any]] = [
        (scores.times_ns[at] // _MS).tolist(),
        numbers(scores.score[at]),
        numbers(scores.severity[at]),
        list(map(_BOOL.__getitem__, scores.alarm[at].tolist())),
        list(map(_quality, scored.quality[at].tolist())),
        list(map(_BOOL.__getitem__, scored.warm[at].tolist())),
    ]
    if name_key:
        names = scored.names
        columns.insert(0, [text(names[step]) for step in at.tolist()])
        lead += f"{text(name_key)}:%s,"
    model = text(scored.identity[:MODEL_DIGITS]).replace("%", "%%")
    template = (
        f'{{{lead}"t":%d,"score":%s,"severity":%s,"alarm":%s,%s,"warm":%s,'
        f'"repeat":{_BOOL[repeat]},"model":{model}}}'
    )
    lines = map(template.__mod__, zip(*columns, strict=True))
    # No JSON text has a raw line break: encoded at once, then cut.
    return "\n".join(lines).encode().split(b"\n")


def repeated(publication: Publication) -> Publication:
    """Returns a publication that says that it may have gone out before, where it can say so."""
    return replace(publication, payload=repeated_text(publication.payload))


def repeated_text(documents: bytes) -> bytes:
    """Returns documents that say that they may have gone out before, where they can say so."""
    # Within a text of JSON the quotes would be escaped.
    return documents.replace(b'"repeat":false', b'"repeat":true')


def arrays(documents: Sequence[bytes], most_bytes: int) -> list[bytes]:
    """Puts documents into arrays, in order.

    Args:
        documents: JSON.
        most_bytes: Of an array; a document that is longer has one of its own.
    """
    return [b"[%b]" % part for part in in_parts(documents, most_bytes)]


def in_parts(members: Sequence[bytes], most_bytes: int) -> list[bytes]:
    """Joins members by commas to parts that have, with brackets, at most so many bytes each.

    Args:
        members: JSON, without commas at their ends.
        most_bytes: Of a part; a member that is longer has one of its own.
    """
    parts: list[list[bytes]] = []
    size = most_bytes
    for member in members:
        size += len(member) + 1
        if size + 1 > most_bytes or not parts:
            parts.append([])
            size = len(member) + 1
        parts[-1].append(member)
    return [b",".join(part) for part in parts]


def event_document(notice: EventNotice, *, repeat: bool = False, words: str = "") -> dict[str, Any]:
    """Returns a notice as a document, without NaN; an end repeats start, peak and duration.

    Args:
        notice: The notice.
        repeat: Whether it may have gone out before.
        words: The sentence, where the notice has none.
    """
    document: dict[str, Any] = {
        "id": notice.id,
        "phase": notice.phase,
        "t": milliseconds(notice.time_ns),
        "severity": rounded(notice.severity),
        "channels": [
            {
                "name": one.name,
                "share": rounded(one.share),
                "value": rounded(one.value),
                "expected": rounded(one.expected),
            }
            for one in notice.channels
        ],
        "kind": notice.kind,
    }
    if notice.phase == "end":
        document["start"] = milliseconds(notice.start_ns)
        document["peak"] = milliseconds(notice.peak_ns)
        document["duration_s"] = rounded(notice.duration_s)
    if notice.text or words:
        document["text"] = notice.text or words
    if notice.ack is not None:
        ack = notice.ack
        document["ack"] = {"by": ack.by, "t": milliseconds(ack.time_ns), "note": ack.note}
    document["repeat"] = repeat
    if notice.model:
        document["model"] = notice.model[:MODEL_DIGITS]
    return document


def answer_document(command: str, answer: str) -> bytes:
    """Returns the answer to a command.

    Args:
        command: The command's id.
        answer: What to say, as JSON.
    """
    return f'{{"id":{text(command)},"answer":{answer}}}'.encode(errors="replace")


@lru_cache(maxsize=4096)
def _quality(quality: int) -> str:
    reasons = json.dumps(Quality(quality).reasons(), separators=(",", ":"))
    return f'"quality":"{quality_of(quality)}","reasons":{reasons}'
