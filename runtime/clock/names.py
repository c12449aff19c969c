"""Names of time columns, and the units that they state."""

import re
import unicodedata

from runtime.clock.forms import Unit

__all__ = ["clock_unit", "is_date_name", "is_time_name", "time_name_rank", "unit_named", "unit_of"]


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


_BEST = ("time", "timestamp", "date", "datetime", "ts")
_TIMES = _set(
    "time times timestamp timestamps date datetime ts ds epoch unixtime timecode utc t dt "
    "zeit zeitstempel datum uhrzeit zeitpunkt messzeit messzeitpunkt zeitangabe "
    "fecha hora fechahora tiempo horodatage horodate heure temps ora orario tempo datahora dataora "
    "tijd tijdstip tijdstempel tid tidpunkt tidspunkt tidsstempel dato klockslag czas godzina "
    "aika aikaleima pvm paivamaara tarih saat zaman cas datumcas vreme время дата 时间 日期 时间戳 "
    "日時 時刻 日付 시간 날짜 elapsed mtu "
    "localtime systemtime servertime clock moment instant when seconds milliseconds"
)
_DATES = _set("date datum fecha dato day tag dag tarih pvm paivamaara datetime дата 日期 日付 날짜")
_ACTIONS = _set(
    "changed updated recorded created sampled measured observed received logged inserted published "
    "modified seen"
)
_OTHERS = _set(
    "utc gmt cet cest mez mesz est local unix posix iso iso8601 rfc3339 start begin from end stop "
    "to until of sample sampling sensor measurement meas measured record recorded log logger "
    "logged event system sys server device plc opc source gateway message msg last at created "
    "received acquisition reading abs absolute rel relative since s ms us ns sec secs second min "
    "mins minutes h hr hours d days millis msec micros nanos string str text column col index and "
    "und y e et of der des de del la le du the marca data stamp on zulu z hh mm ss hms dd yyyy yy "
    "format day tag value field x in en"
)
_LATE = _set("end stop to until received inserted updated created")
_PHRASES = frozenset({"data", "data ora", "data hora", "data e ora", "data godzina", "data czas"})

_WORDS: dict[Unit, str] = {
    "s": "s sec secs second seconds sek sekunden segundos secondes",
    "ms": "ms msec msecs millis millisecond milliseconds",
    "us": "us µs μs usec micros microsecond microseconds",
    "ns": "ns nsec nanos nanosecond nanoseconds",
    "min": "min mins minute minutes minuten minutos",
    "h": "h hr hrs hour hours stunden std heures horas",
    "d": "d day days tage jours dias",
}
_UNITS = {word: unit for unit, words in _WORDS.items() for word in words.split()}


def time_name_rank(header: str) -> int | None:
    """Returns how likely a column of this name has the times: 0 is best, `None` is not at all.

    Case, accents, punctuation, units and zones do not matter: `Time (s)`, `_time`, `Date/Time`.
    """
    words = _words(header)
    joined = "".join(words)
    if joined in _BEST:
        return _BEST.index(joined)
    whole = " ".join(words)
    if whole in _PHRASES or joined in _TIMES:
        return 20 if len(joined) > 2 or joined == "ds" else 60
    known = _TIMES | _OTHERS | _ACTIONS
    if not words or not all(word in known or word.isdigit() for word in words):
        return None
    if not any(word in _TIMES for word in words) and not (
        _ACTIONS & set(words) and {"at", "last"} & set(words)
    ):
        return None
    return 40 + 10 * len(_LATE.intersection(words))


def is_time_name(header: str) -> bool:
    """Whether a column of this name is one of times."""
    return time_name_rank(header) is not None


def is_date_name(header: str) -> bool:
    """Whether the name speaks of a date."""
    return not _DATES.isdisjoint(_words(header))


def unit_of(header: str) -> Unit | None:
    """Returns the unit that a name states: `Time (s)`, `t [ms]`, `Elapsed min`, `time_us`."""
    if match := re.search(
        r"[\[({]\s*([^\W\d]+)\s*[\])}]|(?:/| in )\s*([^\W\d_]+)$", header.strip()
    ):
        return unit_named(match[1] or match[2])
    words = _split(header)
    if len(words) > 1 or (words and len(words[0]) > 4):
        return unit_named(words[-1])
    return None


def unit_named(word: str) -> Unit | None:
    """Returns the unit of this name: `s`, `sec`, `seconds`; `None` for other words."""
    return _UNITS.get(word.strip().lower())


def clock_unit(header: str) -> Unit | None:
    """Returns what comes first in `a:b` where a name says so: `(h:mm)` hours, `mm:ss` minutes."""
    text = header.lower()
    if re.search(r"\bh{1,2}:mm?\b", text):
        return "h"
    return "min" if re.search(r"\bm{1,2}:ss?\b", text) else None


def _words(header: str) -> list[str]:
    bare = re.sub(r"[\[({][^\])}]*[\])}]?", " ", header)
    return _split(bare) or _split(header)


def _split(header: str) -> list[str]:
    text = unicodedata.normalize("NFKD", header.replace("µ", "u").replace("μ", "u"))
    text = unicodedata.normalize("NFC", re.sub(r"[\u0300-\u036f]", "", text))
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text).lower()
    return [word for word in re.split(r"[\W_]+", text) if word]
