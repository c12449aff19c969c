"""Local times of a place to UTC, over changes of the clocks."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import numpy as np
import numpy.typing as npt

from runtime.clock.moments import LIMIT, NO_TIME, Times
from runtime.errors import InputError, shown

__all__ = ["LocalClock"]

_HOUR = 3600 * 10**9
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - local times have no zone yet


class LocalClock:
    """Turns local times into UTC, in the order in which they come.

    In autumn clocks show an hour twice. Which one is meant, the order tells: times that go forward
    are in the first until they go back, then in the second; newest first, the other way round. A
    stamp that comes again (hourly rows) is the second where no stamp before came as often.

    Args:
        name: Of the IANA database, such as `Europe/Berlin`.

    Raises:
        InputError: An unknown name, or no database of time zones on this machine.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        try:
            self._zone = ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            if not available_timezones():
                raise InputError(
                    f"timezone = {name!r} needs the database of time zones, which this machine "
                    "lacks: pip install tzdata."
                ) from error
            raise InputError(
                "timezone must be a name of the IANA database, such as Europe/Berlin or UTC. "
                f"Received: {shown(name)}."
            ) from error
        self._hours: dict[int, int | None] = {}
        self._order = _Order()

    def to_utc(self, local: Times) -> tuple[Times, npt.NDArray[np.bool_]]:
        """Returns the times in UTC, and which of them the clock never showed.

        Args:
            local: Nanoseconds of the local clock as if it were UTC, int64 (rows,); `NO_TIME` stays.
        """
        utc = local.copy()
        never = np.zeros(len(local), np.bool_)
        rows = np.flatnonzero((local > -LIMIT) & (local < LIMIT))
        hours, at = np.unique(local[rows] // _HOUR, return_inverse=True)
        offsets = [self._offset_of_hour(hour) for hour in hours.tolist()]
        plain = np.array([offset is not None for offset in offsets], np.bool_)[at]
        known = np.array([offset or 0 for offset in offsets], np.int64)[at]
        utc[rows] = local[rows] - known * 10**9
        starts = np.flatnonzero(np.diff(plain, prepend=not plain[0]) if len(rows) else plain)
        for start, end in zip(starts.tolist(), [*starts[1:].tolist(), len(rows)], strict=True):
            part = rows[start:end]
            if plain[start]:
                self._order.pass_over(local[part])
                continue
            for row in part.tolist():
                utc[row], never[row] = self._one(int(local[row]))
        return utc, never

    def _one(self, local: int) -> tuple[int, bool]:
        early, late = (self._offset(local, fold) for fold in (0, 1))
        if early < late:
            return NO_TIME, True
        if early == late:
            # Beside the part of its hour that comes twice.
            self._order.pass_over(np.array([local]))
            return local - early * 10**9, False
        overlap = (early - late) * 10**9
        offset = late if self._order.is_second(local, overlap) else early
        return local - offset * 10**9, False

    def _offset_of_hour(self, hour: int) -> int | None:
        """Returns the offset that the whole hour has; `None` where it has more than one."""
        if hour not in self._hours:
            if len(self._hours) > 100_000:
                self._hours.clear()
            ends = (hour * _HOUR, (hour + 1) * _HOUR - 1000)
            found = {self._offset(end, fold) for end in ends for fold in (0, 1)}
            self._hours[hour] = found.pop() if len(found) == 1 else None
        return self._hours[hour]

    def _offset(self, local: int, fold: int) -> int:
        moment = (_EPOCH + timedelta(microseconds=local // 1000)).replace(fold=fold)
        offset = self._zone.utcoffset(moment)
        return 0 if offset is None else round(offset.total_seconds())


class _Order:
    """What came before: which of two hours a time lies in."""

    def __init__(self) -> None:
        self._last: int | None = None
        self._step = 0  # the last one that was none of 0
        self._run = 1  # rows at the last stamp, and at the one before
        self._run_before = 1
        self._second: bool | None = None

    def pass_over(self, times: Times) -> None:
        """Takes times that come once."""
        if not len(times):
            return
        changes = np.flatnonzero(np.diff(times))
        if len(changes) > 1:
            self._last = int(times[changes[-2]])
            times = times[changes[-2] + 1 :]
        for time in times.tolist():
            self._take(time)
        self._second = None

    def is_second(self, time: int, overlap: int) -> bool:
        """Takes a time that comes twice; returns whether this is the later one."""
        back = self._step < 0
        if self._second is None:
            # Steps as long as the overlap may leap over its first showing.
            leaps = not back and self._last is not None and self._step >= overlap
            self._second = back or (leaps and time - (self._last or 0) == self._step - overlap)
            self._take(time)
            return self._second
        step = time - (self._last or 0)
        again = step == 0 and abs(self._step) >= overlap and self._run >= self._run_before
        if again or (step >= overlap // 2 if back else step <= -overlap // 2):
            self._second = not back
            self._last, self._run_before, self._run = time, self._run, 1
        else:
            self._take(time)
        return self._second

    def _take(self, time: int) -> None:
        if self._last is not None:
            step = time - self._last
            if step:
                self._step, self._run_before, self._run = step, self._run, 1
            else:
                self._run += 1
        self._last = time
