"""What is published: which streams, how fast, and which values, the same wherever it is asked."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

__all__ = ["Plan"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Samples of some streams: `steps` of each, one every `every_s`."""

    streams: int
    steps: int
    channels: tuple[str, ...]
    every_s: float
    """Seconds of the clock from one sample of a stream to its next."""
    period_ms: int
    """The same in the samples' own time: the detector's period."""
    begin_ms: int
    """Time of the first sample."""
    seed: int = 0
    noise: float = 1.0
    events: int = 61
    """Of each stream, 4 of 4 x so many steps are far off."""
    off: float = 40.0

    def topic(self, stream: int) -> str:
        """Returns where a stream's samples go."""
        return f"load/d{stream}/data"

    def time_ms(self, step: int) -> int:
        """Returns the time of a step's samples."""
        return self.begin_ms + step * self.period_ms

    def values(self, step: int) -> npt.NDArray[np.float64]:
        """Returns a step's values, rounded as they are published: (streams, channels)."""
        rng = np.random.default_rng((self.seed, step))
        values = 20 + self.noise * rng.normal(size=(self.streams, len(self.channels)))
        if self.noise < 1:
            values += np.sin(step / 20)
        far = (step // 4 + 7 * np.arange(self.streams)) % self.events == 0
        values[far, 0] += self.off
        return np.round(values, 4)

    def payloads(self, step: int) -> list[bytes]:
        """Returns a step's messages, flat JSON, by stream."""
        head = f'{{"timestamp":{self.time_ms(step)},'
        form = head + ",".join(f'"{name}":%.4f' for name in self.channels) + "}"
        return [(form % tuple(row)).encode() for row in self.values(step).tolist()]

    def save(self, path: Path) -> None:
        """Writes it down for another process."""
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads what `save` wrote."""
        raw: dict[str, Any] = json.loads(path.read_text())
        return cls(**{**raw, "channels": tuple(raw["channels"])})
