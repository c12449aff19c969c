"""Words that times are written with: months, weekdays and zones."""

import re
import unicodedata

__all__ = ["WEEKDAY", "ZONES_S", "month_of", "plain_word"]

_MONTHS = (
    "january january januar janvier enero gennaio janeiro januari stycznia styczen января янв",
    "february februar fevrier febrero febbraio fevereiro februari lutego luty февраля фев",
    "march marz maerz mrz mars marzo marco maart mrt marca marzec марта мар",
    "april avril abril aprile kwietnia kwiecien апреля апр",
    "may mai mayo maggio maio mei maj мая май",
    "june juni juin junio giugno junho czerwca czerwiec июня июн",
    "july juli juillet julio luglio julho lipca lipiec июля июл",
    "august aout agosto augustus augusti sierpnia sierpien августа авг",
    "september septembre septiembre setiembre settembre setembro wrzesnia wrzesien сентября сен",
    "october oktober octobre octubre ottobre outubro pazdziernika октября окт",
    "november novembre noviembre novembro listopada listopad ноября ноя",
    "december dezember decembre diciembre dicembre dezembro grudnia grudzien декабря дек",
)
WEEKDAY = (
    r"(?:mon|tue|wed|thu|fri|sat|sun|mo|di|mi|do|fr|sa|so|lun|mar|mer|jeu|ven|sam|dim|mie|jue|vie"
    r"|sab|dom|gio|seg|ter|qua|qui|sex|maa|din|woe|don|vri|zat|zon)[^\W\d_]*"
)
"""A weekday in front of a date, as an expression; it says nothing that the date does not."""

_HOUR = 3600
ZONES_S = {
    "Z": 0, "UTC": 0, "GMT": 0, "UT": 0, "UCT": 0, "WET": 0,
    "WEST": _HOUR, "CET": _HOUR, "MEZ": _HOUR,
    "CEST": 2 * _HOUR, "MESZ": 2 * _HOUR, "EET": 2 * _HOUR,
    "EEST": 3 * _HOUR, "MSK": 3 * _HOUR, "JST": 9 * _HOUR,
    "EST": -5 * _HOUR, "EDT": -4 * _HOUR, "CST": -6 * _HOUR, "CDT": -5 * _HOUR,
    "MST": -7 * _HOUR, "MDT": -6 * _HOUR, "PST": -8 * _HOUR, "PDT": -7 * _HOUR,
}  # fmt: skip
"""Seconds ahead of UTC of the zones that have one meaning; those of RFC 2822 mean what it says."""


def plain_word(text: str) -> str:
    """Returns a word in lower case, without accents and full stops."""
    letters = unicodedata.normalize("NFKD", text.lower().replace("ß", "ss"))
    return re.sub(r"[\u0300-\u036f.]", "", letters)


def _names() -> dict[str, int]:
    meant: dict[str, set[int]] = {}
    whole: dict[str, int] = {}
    for number, names in enumerate(_MONTHS, 1):
        for name in map(plain_word, names.split()):
            whole[name] = number
            for length in range(3, len(name) + 1):
                meant.setdefault(name[:length], set()).add(number)
    # A beginning counts where it is that of one month: "jui" is June or July.
    return {name: min(months) for name, months in meant.items() if len(months) == 1} | whole


_NUMBERS = _names()


def month_of(name: str) -> int | None:
    """Returns the number of a month, 1 to 12, by its name or beginning; `None` for other words."""
    return _NUMBERS.get(plain_word(name))
