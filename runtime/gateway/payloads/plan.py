"""The channels of a kind of stream, and where a payload has them."""

import math
from collections.abc import Collection, Mapping, Sequence
from itertools import repeat
from operator import itemgetter
from typing import Any, NamedTuple

from runtime.gateway.payloads.json_text import lookup
from runtime.gateway.payloads.numbers import ChannelReader
from runtime.gateway.payloads.options import ChannelOptions, PayloadOptions
from runtime.gateway.payloads.shapes.part import ABSENT, BARE
from runtime.gateway.samples import BadInputError

__all__ = ["Found", "Plan"]

_DEFAULT = ChannelOptions()
_NUMBERS = frozenset([float, int])


class Found(NamedTuple):
    """What a payload has of the channels."""

    values: Mapping[str, float]
    """By channel, of those that are there; NaN where missing or unreadable."""
    is_missing: bool
    """Whether one is NaN."""
    keys: int
    """How many keys of the object were channels."""
    errors: Sequence[BadInputError] = ()
    """Of the unreadable ones."""


class Plan:
    """Reads the channels of a stream.

    Args:
        channels: The detector's, in order.
        options: Where the payload has them, and what its numbers mean.
    """

    def __init__(self, channels: Sequence[str], options: PayloadOptions) -> None:
        self._readers = [
            ChannelReader(name, options.channels.get(name, _DEFAULT)) for name in channels
        ]
        paths = [reader.path for reader in self._readers]
        self._known = frozenset(paths).union(path.partition(".")[0] for path in paths)
        self.names = tuple(channels)
        """The channels, in order."""
        plain = len(paths) > 1 and all(reader.is_plain for reader in self._readers)
        self._pick = itemgetter(*paths) if plain else None

    def numbers(self, fields: Mapping[str, Any]) -> dict[str, float] | None:
        """Returns the channels of the common object: all there, finite, taken as they are.

        None where it is another; `read` reads it.
        """
        if self._pick is not None:
            try:
                numbers = self._pick(fields)
                if _NUMBERS.issuperset(map(type, numbers)) and math.isfinite(sum(numbers)):
                    return dict(zip(self.names, numbers, strict=True))
            except (KeyError, OverflowError):
                pass
        return None

    def is_apart(self, times: Collection[str]) -> bool:
        """Returns whether no channel has a name that could be that of the time, in lower case."""
        return not any(name.lower() in times for name in self._known)

    def read(self, fields: Mapping[str, Any], units: Mapping[str, str]) -> Found:
        """Returns the channels that an object has.

        Args:
            fields: The object, or a number alone under `BARE`: it is the only channel there is.
            units: Units that the payload states, by name.

        Raises:
            BadInputError: None of them is readable, and at least one is there.
        """
        if BARE in fields and len(self._readers) == 1:
            fields = {self._readers[0].path: fields[BARE]}
        return self._each(fields, units)

    def unknown(self, fields: Mapping[str, Any], times: Collection[str], channel: str) -> list[str]:
        """Returns the names of numbers that are no channel.

        Args:
            fields: The object.
            times: Keys of times, in lower case.
            channel: What the topic names is meant as one, whatever it says; empty: none.
        """
        return [
            name
            for name, value in fields.items()
            if (type(value) in _NUMBERS or (name == channel and channel))
            and name not in self._known
            and (name == channel or name.lower() not in times)
        ]

    def _each(self, fields: Mapping[str, Any], units: Mapping[str, str]) -> Found:
        values: dict[str, float] = {}
        errors: list[BadInputError] = []
        bad: list[str] = []
        keys = 0
        for reader in self._readers:
            raw = fields.get(reader.path, ABSENT)
            if raw is not ABSENT:
                keys += 1
            elif reader.is_path:
                raw = lookup(fields, reader.path, ABSENT)
            if raw is ABSENT:
                continue
            try:
                values[reader.name] = reader.read(raw, units.get(reader.path, ""))
            except BadInputError as error:
                errors.append(error)
                bad.append(reader.name)
        if errors and not values:
            raise errors[0]
        values.update(zip(bad, repeat(math.nan)))
        is_missing = any(map(math.isnan, values.values()))
        return Found(values, is_missing=is_missing, keys=keys, errors=errors)
