"""When things happened to rows: for sentences, apart from what a grid needs to go on."""

__all__ = ["Incidents"]

_MOST_JUMPS = 5


class Incidents:
    """First and last time of each kind of dropped row, and the first clocks that were set back.

    It begins anew where a stream is restored from a snapshot.
    """

    def __init__(self) -> None:
        self.spans: dict[str, tuple[int, int]] = {}
        """By the name of the count: times of the first and the last such row, in nanoseconds."""
        self.jumps: list[tuple[int, int]] = []
        """Time of the latest row before a clock was set back and of the one after it; 5 at most."""

    def note(self, name: str, first_ns: int, last_ns: int | None = None) -> None:
        """Takes note of dropped rows, in order of arrival."""
        begin, _ = self.spans.get(name, (first_ns, 0))
        self.spans[name] = (begin, first_ns if last_ns is None else last_ns)

    def jump(self, from_ns: int, to_ns: int) -> None:
        """Takes note of a clock that was set back."""
        if len(self.jumps) < _MOST_JUMPS:
            self.jumps.append((from_ns, to_ns))
