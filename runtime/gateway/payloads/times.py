"""A payload's time: numbers by their size, ISO 8601, local times by the zone of the source."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import cast
from zoneinfo import ZoneInfo

from runtime.clock.moments import LIMIT, UNITS_NS, ns_of_float
from runtime.errors import shown
from runtime.gateway.payloads.options import Unit
from runtime.gateway.samples import BadInputError

__all__ = ["DAY_NS", "OLDEST_NS", "TimeReader"]

DAY_NS = 86_400 * 10**9
OLDEST_NS = 946_684_800 * 10**9
"""The year 2000: what is before is absurd."""
_CLOCK_SET_NS = 1_735_689_600 * 10**9
"""The year 2025: a clock that shows an earlier time was never set, and is no measure."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = 10**9
_NUMBER = re.compile(r"\s*[+-]?\d{1,25}(\.\d{0,25})?\s*", re.ASCII)
_ISO = re.compile(
    r"(\d{4}-?\d\d-?\d\d)(?:[Tt ](\d\d:?\d\d)(?::?(\d\d)(?:[.,](\d{1,20}))?)?)?"
    r" ?([Zz]|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII,
)
_FRESH_NS = 12 * 3600 * _SECOND
_MOST_STREAMS = 100_000
_LONGEST = 64


class TimeReader:
    """Reads times. Numbers count seconds below 1e11, ms below 1e14, µs below 1e17, else ns.

    Of the two times that a clock shows twice in autumn, the one nearer to the arrival is meant, as
    far as the message is fresh (12 hours); in old data the later one, once times went back.

    Args:
        unit: What numbers count, where it is known.
        timezone: Of times without a zone, an IANA name; empty: they are bad input.
    """

    def __init__(self, *, unit: Unit = "auto", timezone: str = "") -> None:
        self._unit = 0 if unit == "auto" else UNITS_NS[unit]
        self._zone = ZoneInfo(timezone) if timezone else None
        self._timezone = timezone
        self._last: dict[str, int] = {}

    def read(self, time: object, now_ns: int, stream: str = "") -> int:
        """Returns nanoseconds since 1970-01-01 UTC.

        Args:
            time: A number, its digits as text, or ISO 8601 text.
            now_ns: Time of arrival.
            stream: Whose it is, for local times that come twice.

        Raises:
            BadInputError: `time`, `time_zone_missing`, `time_skipped` (the hour that clocks skip in
                spring), or a time outside 1823 to 2116: `time_absurd`.
        """
        kind = type(time)
        if kind is str:
            text = cast("str", time)
            if len(text) < 33 and _is_plain(text):
                # The common form: date, time, at most microseconds, a zone.
                try:
                    gone = datetime.fromisoformat(text) - _EPOCH
                except (ValueError, OverflowError):
                    return self._text(text, now_ns, stream)
                return (gone.days * 86_400 + gone.seconds) * _SECOND + gone.microseconds * 1000
            return self._text(text, now_ns, stream)
        if kind is int or kind is float:
            return self._number(cast("float", time), self._unit)
        raise _unreadable(time)

    def plain(self, time: object, now_ns: int) -> int | None:
        """Returns what `read` returns for a whole number that is not absurd; None: for others."""
        if type(time) is not int:
            return None
        time_ns = time * (self._unit or _unit_of(time))
        return None if self.absurd(time_ns, now_ns) else time_ns

    def seconds(self, time: object) -> int:
        """Returns a number of seconds in nanoseconds, whatever its size.

        Raises:
            BadInputError: No number: `time`; too large: `time_absurd`.
        """
        if type(time) is int or type(time) is float:
            return self._number(time, _SECOND)
        raise _unreadable(time)

    @staticmethod
    def absurd(time_ns: int, now_ns: int) -> bool:
        """Whether a time is before 2000 or more than a day ahead of a clock that was set."""
        ahead = time_ns > now_ns + DAY_NS and now_ns >= _CLOCK_SET_NS
        return time_ns < OLDEST_NS or ahead or time_ns >= LIMIT

    def _number(self, time: float, unit: int) -> int:
        if time != time:  # noqa: PLR0124 - NaN
            raise _unreadable(time)
        unit = unit or _unit_of(time)
        time_ns = time * unit if type(time) is int else ns_of_float(time, unit)
        if not -LIMIT < time_ns < LIMIT:
            raise BadInputError(
                "time_absurd", f"Times must lie between 1823 and 2116. Received: {shown(time)}."
            )
        return time_ns

    def _text(self, text: str, now_ns: int, stream: str) -> int:
        if len(text) > _LONGEST:
            raise _unreadable(text)
        if _NUMBER.fullmatch(text):
            return self._digits(text.strip())
        return self._parts(text, now_ns, stream)

    def _digits(self, text: str) -> int:
        whole, _, part = text.partition(".")
        if not part.strip("0"):
            return self._number(int(whole), self._unit)
        unit = self._unit or _unit_of(int(whole))
        sign = -1 if whole.startswith("-") else 1
        fraction = sign * int(part[:12].ljust(12, "0")) * unit // 10**12
        return self._number(int(whole) * unit + fraction, 1)

    def _parts(self, text: str, now_ns: int, stream: str) -> int:
        """Reads what is rarer: more decimals, leap seconds, no zone."""
        found = _ISO.fullmatch(text.strip())
        if found is None:
            raise _unreadable(text)
        day, clock, second, fraction, zone = found.groups()
        leap = second == "60"
        plain = f"{day}T{clock or '00:00'}"
        midnight = plain[-5:] in ("24:00", "T2400") and (second or "00") == "00"
        if midnight:
            plain = f"{day}T00:00"
        if second and not midnight:
            basic = clock is not None and ":" not in clock
            plain += ("" if basic else ":") + ("59" if leap else second)
        if zone:
            plain += "+00:00" if zone in "Zz" else zone
        try:
            moment = datetime.fromisoformat(plain)
        except ValueError:
            raise _unreadable(text) from None
        beyond = int((fraction or "")[:9].ljust(9, "0")) + (leap + midnight * 86_400) * _SECOND
        if moment.tzinfo is None:
            return self._local(moment, text, now_ns, stream) + beyond
        return _ns(moment) + beyond

    def _local(self, moment: datetime, text: str, now_ns: int, stream: str) -> int:
        zone = self._zone
        if zone is None:
            raise BadInputError(
                "time_zone_missing",
                f"A time without a zone needs the source's timezone. Received: {text!r}. Say "
                'timezone = "Europe/Berlin", or "UTC".',
            )
        try:
            early, late = (_ns(moment.replace(tzinfo=zone, fold=fold)) for fold in (0, 1))
        except OverflowError:
            raise _unreadable(text) from None
        if early == late:
            return early
        if early > late:
            raise BadInputError(
                "time_skipped",
                f"Times must be such as clocks in {self._timezone} show. Received: {text!r}, in "
                "the hour that they skip in spring.",
            )
        if abs(now_ns - early) < _FRESH_NS or abs(now_ns - late) < _FRESH_NS:
            return min(early, late, key=lambda time: abs(now_ns - time))
        if len(self._last) > _MOST_STREAMS:
            self._last.clear()
        again = early <= self._last.get(stream, early - 1) < late + (late - early)
        self._last[stream] = late if again else early
        return self._last[stream]


_is_plain: Callable[[str], object] = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d{1,6})?)?(Z|[+-]\d\d:?\d\d)", re.ASCII
).fullmatch


def _unit_of(number: float) -> int:
    """Returns the nanoseconds that a time since 1970 counts, by its size: right for 1973 on."""
    size = abs(number)
    return _SECOND if size < 1e11 else 10**6 if size < 1e14 else 1000 if size < 1e17 else 1


def _ns(moment: datetime) -> int:
    gone = (moment - _EPOCH) // timedelta(microseconds=1)
    return gone * 1000


def _unreadable(time: object) -> BadInputError:
    return BadInputError(
        "time", f"A time must be a number since 1970 or ISO 8601 text. Received: {shown(time)}."
    )
