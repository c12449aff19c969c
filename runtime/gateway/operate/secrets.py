"""What must never be read in a log."""

import re
from collections.abc import Iterable

__all__ = ["HIDDEN", "Hider"]

HIDDEN = "***"
"""What stands in a secret's place."""

_SHORTEST = 4
_KEYS = re.compile(r"pass(word|wd|phrase)?|secret|token|credential|authorization|private_?key|pwd")
_IN_ADDRESS = re.compile(r"(?<=://)[^/\s@]+(?=@)")
_IN_WORDS = re.compile(
    r"(?i)\b((?:password|passwd|passphrase|pwd|secret|token|api[_-]?key)[\"']?\s*[=:]\s*[\"']?"
    r"|(?:bearer|basic)\s+)[^\s\"',;&}]+"
)


class Hider:
    """Takes secrets out of texts.

    Args:
        secrets: Values that are known: of files and of the environment. Values of less than 4
            letters cannot be told from words, and are found by their keys only.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = sorted({s for s in secrets if len(s) >= _SHORTEST}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, known))) if known else None

    def text(self, text: str) -> str:
        """Returns a text without known secrets, passwords of addresses, and what looks like one."""
        if self._known is not None:
            text = self._known.sub(HIDDEN, text)
        return _IN_WORDS.sub(rf"\g<1>{HIDDEN}", _IN_ADDRESS.sub(HIDDEN, text))

    def field(self, key: str, value: str) -> str:
        """Returns the value of a field: hidden where its key says that it is a secret."""
        return HIDDEN if value and _KEYS.search(key.lower()) else self.text(value)
