"""Counters, gauges and histograms, and their text for Prometheus (format 0.0.4)."""

import re
import threading
from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from runtime.errors import InputError, shown

__all__ = ["CONTENT_TYPE", "Counter", "Family", "Gauge", "Histogram", "Registry"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""Of what `Registry.render` returns."""
OTHER = "other"
"""Value of every label of a series that its family has no more room for."""
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper edges of a histogram of seconds."""

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*")
_MOST_SERIES = 200


class _Metric(Protocol):
    """One series, or one histogram."""

    def samples(self) -> list[tuple[str, str, float]]:
        """Returns what follows the name, a label of its own (`le="1"`) or nothing, the value."""
        ...


M = TypeVar("M", bound=_Metric)


class Counter:
    """A number that only grows. Thread-safe."""

    __slots__ = ("_lock", "_value")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._value = 0.0

    def inc(self, by: float = 1.0) -> None:
        """Adds to it.

        Raises:
            InputError: `by` is negative or NaN.
        """
        if not by >= 0:
            raise InputError(
                f"A counter must grow. Received: {shown(by)}. Count down with a gauge."
            )
        with self._lock:
            self._value += by

    @property
    def value(self) -> float:
        """What was counted so far."""
        return self._value

    def samples(self) -> list[tuple[str, str, float]]:
        """Returns its one sample."""
        return [("", "", self._value)]


class Gauge:
    """A number that goes up and down, or that is asked for when somebody looks. Thread-safe."""

    __slots__ = ("_ask", "_lock", "_value")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._value = 0.0
        self._ask: Callable[[], float] | None = None

    def set(self, value: float) -> None:
        """Makes it this value."""
        self._value = float(value)

    def inc(self, by: float = 1.0) -> None:
        """Adds to it; a negative `by` takes away."""
        with self._lock:
            self._value += by

    def ask(self, function: Callable[[], float]) -> None:
        """Takes the value from a function at each rendering; one that fails gives NaN."""
        self._ask = function

    @property
    def value(self) -> float:
        """What it is now."""
        if self._ask is None:
            return self._value
        try:
            return float(self._ask())
        except Exception:  # noqa: BLE001 - one value that cannot be had takes no other away
            return float("nan")

    def samples(self) -> list[tuple[str, str, float]]:
        """Returns its one sample."""
        return [("", "", self.value)]


class Histogram:
    """How often values fell at or below each of some edges. Thread-safe.

    Args:
        edges: Upper edges, rising; one at infinity is added.
    """

    __slots__ = ("_counts", "_edges", "_lock", "_sum")

    def __init__(self, edges: Sequence[float] = SECONDS) -> None:
        self._edges = tuple(float(edge) for edge in edges)
        self._lock = threading.Lock()
        self._counts = [0] * (len(self._edges) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Counts a value; NaN is none."""
        if value != value:  # noqa: PLR0124 - NaN, without a call
            return
        place = bisect_left(self._edges, value)
        with self._lock:
            self._counts[place] += 1
            self._sum += value

    def observe_many(self, values: npt.ArrayLike) -> None:
        """Counts values of any shape at once; NaN are none."""
        flat = np.asarray(values, dtype=np.float64).ravel()
        flat = flat[~np.isnan(flat)]
        places = np.searchsorted(self._edges, flat, side="left")
        counts = np.bincount(places, minlength=len(self._edges) + 1).tolist()
        with self._lock:
            self._counts = [old + new for old, new in zip(self._counts, counts, strict=True)]
            self._sum += float(flat.sum())

    @property
    def count(self) -> int:
        """How many values were counted."""
        with self._lock:
            return sum(self._counts)

    def samples(self) -> list[tuple[str, str, float]]:
        """Returns the cumulative counts of its edges, the sum and the count, as of one moment."""
        with self._lock:
            counts, total = list(self._counts), self._sum
        rows: list[tuple[str, str, float]] = []
        below = 0
        for edge, count in zip((*self._edges, float("inf")), counts, strict=True):
            below += count
            rows.append(("_bucket", f'le="{_number(edge)}"', below))
        return [*rows, ("_sum", "", total), ("_count", "", below)]


class Family(Generic[M]):
    """All series of one name, one for each combination of its labels' values.

    It holds a bounded number of series: what comes beyond shares one, whose labels all are `other`,
    so that no name that a stranger sends can fill the memory.
    """

    def __init__(
        self, make: Callable[[], M], labels: tuple[str, ...], *, most: int, full: Counter
    ) -> None:
        self._make = make
        self._most = most
        self._full = full
        self._lock = threading.Lock()
        self._series: dict[tuple[str, ...], M] = {}
        self.labels = labels
        """Names of the labels, in the order in which `of` takes their values."""

    def of(self, *values: str) -> M:
        """Returns the series of these values, one a label; keep it where speed matters.

        Raises:
            InputError: Not one value a label.
        """
        series = self._series.get(values)
        return self._new(values) if series is None else series

    def remove(self, *values: str) -> None:
        """Forgets a series, if there is one: of a model that left."""
        with self._lock:
            self._series.pop(values, None)

    def series(self) -> list[tuple[tuple[str, ...], M]]:
        """Returns all series, sorted by their labels' values."""
        with self._lock:
            return sorted(self._series.items(), key=lambda item: item[0])

    def _new(self, values: tuple[str, ...]) -> M:
        if len(values) != len(self.labels):
            raise InputError(
                f"A series must have a value for each of {', '.join(self.labels) or 'no labels'}. "
                f"Received: {shown(values)}."
            )
        with self._lock:
            if values not in self._series and len(self._series) >= self._most:
                self._full.inc()
                values = (OTHER,) * len(self.labels)
            return self._series.setdefault(values, self._make())


class Registry:
    """The families of one process, in the order in which they were made."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._families: dict[str, tuple[str, str, Family[Counter | Gauge | Histogram]]] = {}
        self._full = Counter()
        folded = "Uses of label values that a family has no room for: they share 'other'."
        self._full = self.counter("kad_metric_series_folded_total", folded).of()

    def counter(
        self, name: str, about: str, labels: Sequence[str] = (), *, most: int = _MOST_SERIES
    ) -> Family[Counter]:
        """Makes a family of counters; its name ends in `_total`.

        Args:
            name: Of the metric, with its base unit.
            about: One sentence for the person who looks.
            labels: Names of the labels.
            most: How many series it holds.

        Raises:
            InputError: A name that Prometheus does not take, or one that is taken.
        """
        if not name.endswith("_total"):
            raise InputError(f"A counter's name must end in _total. Received: {shown(name)}.")
        return self._add(name, about, "counter", Counter, labels, most)

    def gauge(
        self, name: str, about: str, labels: Sequence[str] = (), *, most: int = _MOST_SERIES
    ) -> Family[Gauge]:
        """Makes a family of gauges; see `counter`."""
        return self._add(name, about, "gauge", Gauge, labels, most)

    def histogram(
        self,
        name: str,
        about: str,
        labels: Sequence[str] = (),
        *,
        edges: Sequence[float] = SECONDS,
        most: int = _MOST_SERIES,
    ) -> Family[Histogram]:
        """Makes a family of histograms; see `counter` and `Histogram`.

        Raises:
            InputError: Edges that do not rise.
        """
        if not edges or any(not low < high for low, high in pairwise(edges)):
            raise InputError(f"A histogram's edges must rise. Received: {shown(edges)}.")
        return self._add(name, about, "histogram", lambda: Histogram(edges), labels, most)

    def render(self) -> bytes:
        """Returns the text that `/metrics` answers, in UTF-8; see `CONTENT_TYPE`."""
        with self._lock:
            families = list(self._families.items())
        lines: list[str] = []
        for name, (kind, about, family) in families:
            lines += [f"# HELP {name} {_escaped(about)}", f"# TYPE {name} {kind}"]
            for values, series in family.series():
                pairs = [
                    f'{label}="{_escaped(value, quotes=True)}"'
                    for label, value in zip(family.labels, values, strict=True)
                ]
                for suffix, own, value in series.samples():
                    labels = ",".join([*pairs, own] if own else pairs)
                    braces = f"{{{labels}}}" if labels else ""
                    lines.append(f"{name}{suffix}{braces} {_number(value)}")
        return ("\n".join(lines) + "\n").encode("utf-8", "backslashreplace")

    def _add(
        self,
        name: str,
        about: str,
        kind: str,
        make: Callable[[], M],
        labels: Sequence[str],
        most: int,
    ) -> Family[M]:
        wrong = [label for label in labels if not _LABEL.fullmatch(label) or label == "le"]
        if not _NAME.fullmatch(name) or wrong:
            raise InputError(
                "A metric's name and labels must be letters, digits and _, no label 'le'. "
                f"Received: {shown([name, *wrong])}."
            )
        family = Family(make, tuple(labels), most=most, full=self._full)
        if not labels:
            family.of()
        with self._lock:
            if name in self._families:
                raise InputError(f"A metric's name must be its own. Received: {name} twice.")
            self._families[name] = (kind, about, family)  # type: ignore[assignment]
        return family


def _escaped(text: str, *, quotes: bool = False) -> str:
    text = text.replace("\\", r"\\").replace("\n", r"\n")
    return text.replace('"', r"\"") if quotes else text


def _number(value: float) -> str:
    """Returns a number as Prometheus reads it: `3`, `0.25`, `+Inf`, `NaN`."""
    if value != value:  # noqa: PLR0124
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))
