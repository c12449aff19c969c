"""Words in the place of numbers: no reading, a reading beyond the limits, on and off."""

import re

__all__ = [
    "PLAIN_SWITCHES",
    "SWITCHES",
    "SWITCH_PAIRS",
    "is_beyond",
    "is_missing_word",
    "is_word",
]

MISSING_WORDS = frozenset(
    [
        *("", "nan", "null", "na", "n/a", "none", "nil", "undefined", "missing", "void"),
        *("#n/a", "#div/0!", "#value!", "#ref!", "#name?", "#num!", "#null!"),
        *("bad", "no data", "nodata", "no value", "i/o timeout", "timeout", "comm fail", "invalid"),
        *("unknown", "unavailable", "error", "err", "fault", "failed", "not connected"),
        *("1.#qnan", "-1.#ind", "1.#ind", "1.#snan", "1.#r", "-1.#r"),
        *("-nan", "+nan", "nan(ind)", "-nan(ind)"),
    ]
)
"""Words that mean no reading, in lower case; so does whatever has neither letter nor digit."""

_BEYOND_WORDS = frozenset(
    [
        *("ol", "0l", "o.l", "o.l.", "over", "ovld", "ovrl", "ovf", "ovrflw", "ovr", "ovrg"),
        *("sat", "clipped", "under", "udf", "unfl", "ovfl"),
        *("hi", "lo", "hihi", "lolo", "high", "low", "above range", "below range"),
        *("bdl", "adl", "blq", "bql", "lod", "loq", "<lod", "<loq", "<dl", "<mdl", "<rl"),
        *("1.#inf", "-1.#inf", "+1.#inf", "overange", "max", "min", "dépassement"),
    ]
)
_BEYOND = re.compile(
    r".*(over|under|out of|off|beyond|exceeds)[ _-]?(range|flow|load|scale|limit)\b.*"
    r"|.*(saturat|überlauf|ueberlauf|überlast|überschritten|unterschritten|débordement).*"
    r"|.*(above|below|detection) (limit|range|detection).*"
    r"|[<>≤≥]=?\s*[^\W\d_][^>]*"
)
_EDGES = " *-+_.!()[]#'\""

_WORD = re.compile(
    r"[#\\*'\"!¡¿._-]*[^\W\d_]\D*"  # no digits at all
    r"|[^\W\d_]{3}.*"
    r"|\(\D*\)|<\D*>|\[\D*\]"
    r"|#[^\W\d_]+/0!"
    r"|\[-?\d+\]\s*[^\W\d_].*",  # a historian's code, and what it means
    re.DOTALL,
)

SWITCH_WORDS = (
    "on/off",
    "true/false",
    "yes/no",
    "open opened/closed close",
    "running run started start/stopped stop",
    "active/inactive",
    "enabled/disabled",
    "ein an/aus",
    "wahr/falsch",
    "ja/nein",
    "offen auf geöffnet/zu geschlossen",
    "läuft/steht",
    "aktiv/inaktiv",
    "oui/non",
    "vrai/faux",
    "marche/arrêt arret",
    "ouvert ouverte/fermé fermée ferme",
    "sí si/no",
    "verdadero/falso",
    "encendido/apagado",
    "abierto abierta/cerrado cerrada",
    "vero/falso",
    "acceso/spento",
    "aperto aperta/chiuso chiusa",
    "sim/não nao",
    "ligado/desligado",
    "aberto/fechado",
    "aan/uit",
    "waar/onwaar",
    "på/av",
    "til/fra",
    "tændt/slukket",
    "sand/falsk",
    "tak/nie",
    "y/n",
    "t/f",
    "j/n",
)
"""What says on, and what says off, in lower case."""
SWITCHES = {
    word: value
    for pair in SWITCH_WORDS
    for words, value in zip(pair.split("/"), (1.0, 0.0), strict=True)
    for word in words.split()
}
"""What a switch says, in lower case."""
SWITCH_PAIRS = tuple(frozenset(pair.replace("/", " ").split()) for pair in SWITCH_WORDS)
"""Words that belong together."""
PLAIN_SWITCHES = frozenset(
    word for pair in SWITCH_WORDS[:7] for word in pair.replace("/", " ").split()
) - {"start", "stop", "run", "close"}
"""Words that say on and off by themselves, without the other one beside them."""


def is_missing_word(lower: str) -> bool:
    """Whether text in lower case means no reading."""
    return lower in MISSING_WORDS or not any(map(str.isalnum, lower))


def is_beyond(lower: str) -> bool:
    """Whether text in lower case says that a reading is beyond what a sensor can show."""
    bare = lower.strip(_EDGES)
    return lower in _BEYOND_WORDS or bare in _BEYOND_WORDS or _BEYOND.fullmatch(lower) is not None


def is_word(lower: str) -> bool:
    """Whether text in lower case is a word in the place of a number: no reading."""
    return is_missing_word(lower) or _WORD.fullmatch(lower) is not None
