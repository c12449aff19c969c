"""Which outputs have arrived: a count of what is still on its way, by sequence number."""

__all__ = ["Tally"]


class Tally:
    """Counts publications of outputs until they are done: arrived or dropped."""

    def __init__(self) -> None:
        self._open: dict[int, int] = {}
        """Publications of each sequence number that are not done; in order."""
        self._before: dict[int, int] = {}
        """Of each of these the sequence number before it: outputs may be those of many records."""
        self._written = 0
        self._settled = 0

    def wrote(self, sequence: int, count: int) -> None:
        """Takes outputs.

        Args:
            sequence: Theirs, not below the one before.
            count: How many publications they became; 0: nothing, which is done at once.
        """
        if count:
            self._before.setdefault(sequence, self._written)
            self._open[sequence] = self._open.get(sequence, 0) + count
        self._written = max(self._written, sequence)

    def more(self, sequence: int | None, count: int) -> None:
        """Lets so many more publications be done before a sequence is, which is not done yet."""
        if sequence is not None:
            self._open[sequence] += count

    def done(self, sequence: int | None, count: int) -> None:
        """Counts publications that have arrived or were dropped; None: of no outputs."""
        if sequence is not None:
            left = self._open[sequence] - count
            if left:
                self._open[sequence] = left
            else:
                del self._open[sequence], self._before[sequence]

    @property
    def settled(self) -> int:
        """All outputs up to this sequence number are done; it never falls."""
        first = next(iter(self._open), None)
        done = self._written if first is None else self._before[first]
        self._settled = max(self._settled, done)
        return self._settled
