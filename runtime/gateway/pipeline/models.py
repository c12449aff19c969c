"""Which model scores a stream, and the numbers of streams."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from runtime.gateway.records import NewStream
from runtime.gateway.samples import BadInputError

__all__ = ["ModelChoice", "Roster"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelChoice:
    """A model, as far as the reader needs it."""

    key: str
    patterns: Sequence[str]
    """Of stream names, as a shell has them."""
    channels: tuple[str, ...]
    extras: tuple[str, ...] = ()
    """Readings beside the channels that its rows bring: those of the running signal."""
    period_s: float

    @property
    def columns(self) -> tuple[str, ...]:
        """Channels and extras."""
        return (*self.channels, *self.extras)


class Roster:
    """Gives streams their model and number. For the reader's thread.

    Args:
        choices: The models, in order: the first whose pattern fits takes a stream.
        known: Streams that have numbers already.
        most: Streams beyond are refused; those that are put aside do not count.
        put_aside: Names of those.
    """

    def __init__(
        self,
        choices: Sequence[ModelChoice],
        *,
        known: Iterable[NewStream],
        most: int,
        put_aside: Iterable[str] = (),
    ) -> None:
        self.models: Mapping[str, ModelChoice] = {one.key: one for one in choices}
        self._most = most
        self._known: dict[str, NewStream] = {}
        self._chosen: dict[str, ModelChoice | None] = {}
        self._new: list[NewStream] = []
        self._admitted: set[str] = set()
        """Streams that were let in since `take_new`: without a number, or put aside."""
        self._next = 0
        for stream in known:
            self._next = max(self._next, stream.number + 1)
            choice = self.choice(stream.name)
            if choice is not None and choice.key == stream.model:
                self._known[stream.name] = stream
        self._aside = {name for name in put_aside if name in self._known}

    def channels_of(self, name: str) -> Sequence[str] | None:
        """Returns the channels of the model that scores a stream; None: no model does.

        Raises:
            BadInputError: `stream_cap`: there are as many streams as are allowed.
        """
        choice = self.choice(name)
        if choice is None:
            return None
        is_here = name in self._known and name not in self._aside
        if not is_here and name not in self._admitted:
            if len(self._known) - len(self._aside) + len(self._admitted) >= self._most:
                raise BadInputError(
                    "stream_cap",
                    f"At most {self._most} streams are scored (`max_streams`). Received: {name!r}.",
                )
            self._admitted.add(name)
        return choice.columns

    def choice(self, name: str) -> ModelChoice | None:
        """Returns the model that scores a stream."""
        known = self._known.get(name)
        if known is not None:
            return self.models[known.model]
        if name not in self._chosen:
            if len(self._chosen) > 10 * self._most:
                self._chosen.clear()
            fitting = (m for m in self.models.values() if _fits(name, m.patterns))
            self._chosen[name] = next(fitting, None)
        return self._chosen[name]

    def number(self, name: str) -> int:
        """Returns the number of a stream that has a model; a new one if it has none yet."""
        stream = self._known.get(name)
        if stream is None:
            choice = self.choice(name)
            stream = NewStream(self._next, name, choice.key if choice else "")
            self._next += 1
            self._known[name] = stream
            self._new.append(stream)
            self._admitted.discard(name)
        return stream.number

    def put_aside(self, names: Iterable[str]) -> None:
        """Takes note of streams that are put aside: others may have their places."""
        self._aside.update(name for name in names if name in self._known)

    def back(self, names: Iterable[str]) -> None:
        """Takes note of streams that speak again."""
        self._aside.difference_update(names)

    def take_new(self) -> list[NewStream]:
        """Returns the streams that got a number since the last call."""
        new, self._new = self._new, []
        self._admitted.clear()
        return new


def _fits(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
