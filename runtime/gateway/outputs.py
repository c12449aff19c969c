"""What goes out: scores, events and states of the streams, in the order of the journal."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from runtime.streams.scores import Scores

__all__ = ["Ack", "BlamedChannel", "EventKind", "EventNotice", "Outputs", "Phase", "ScoredRows"]

Phase = Literal["start", "update", "end"]
EventKind = Literal["anomaly", "limit", "sensor", "silent", "flood", "swap", "hole"]
"""What an event is of. `anomaly`: severity; `limit`: a value beyond a limit beside the score;
`sensor`: a fault of one; `silent`: a stream that no longer speaks; `flood`: more events than a
person can read; `swap`: another model took over, or did not; `hole`: rows that never came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredRows:
    """Scored steps of one model's streams, grouped by stream, within a stream in order."""

    model: str
    """Key of the model in the configuration."""
    identity: str
    """The detector's `Metadata.identity`."""
    channels: tuple[str, ...]
    """Names of the channels."""
    names: Sequence[str]
    """Name of each step's stream (steps,)."""
    scores: Scores
    """The steps."""
    quality: npt.NDArray[np.uint16]
    """`Quality` of each step (steps,)."""
    warm: npt.NDArray[np.bool_]
    """Whether the step lies behind the warm-up (steps,)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlamedChannel:
    """A channel to blame, at the peak of its event."""

    name: str
    share: float
    """Of the event's blame, 0 to 1."""
    value: float
    """As it came; NaN: missing."""
    expected: float
    """What the detector expected; NaN where it says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack:
    """Somebody has seen an event; it goes on all the same."""

    by: str
    """Who, in their own words, or where it came from."""
    time_ns: int
    """When, by the wall clock of the gateway."""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventNotice:
    """One event of one stream, as it stands."""

    id: str
    """The same in all its notices: of stream, kind and start."""
    stream: str
    """Empty: of the gateway."""
    kind: EventKind
    phase: Phase
    time_ns: int
    """Time of the step that brought this notice."""
    start_ns: int
    peak_ns: int
    severity: float
    """The highest so far; NaN where the kind has none."""
    channels: Sequence[BlamedChannel] = ()
    """Whom to blame, the largest share first."""
    duration_s: float = 0.0
    """Steps from the start to the last one at or above the release level, times the period."""
    text: str = ""
    """One sentence for a person."""
    model: str = ""
    """The detector's `Metadata.identity`, where there is one."""
    ack: Ack | None = None
    """The last who has said that they have seen it; None: nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """All that one record of the journal led to."""

    sequence: int
    """Of the record; 0 where there is no journal."""
    repeat: bool = False
    """It may have gone out before: made again after a start."""
    scored: Sequence[ScoredRows] = ()
    events: Sequence[EventNotice] = ()
    states: Sequence[tuple[str, bool, int]] = ()
    """Changes of state alone: stream, whether an event goes on, time in ns."""
    online: Sequence[tuple[str, bool]] = ()
    """Streams that began to speak (True) or fell silent (False)."""
    running: Sequence[tuple[str, bool]] = ()
    """Streams whose machines run again (True) or have stopped (False)."""
    gone: Sequence[str] = ()
    """Streams that were forgotten for good."""
    answers: Sequence[tuple[str, str]] = field(default=())
    """Answers to commands: the command's id, and JSON."""
