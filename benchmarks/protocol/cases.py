"""One case of a benchmark: a variant trained on one series with one seed, and its scores on file.

Scores are kept outside git, so that metrics and alarm policies can be changed without training
again. They belong to the settings and the code that they were made with.
"""

import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd

from benchmarks.protocol.fingerprint import code_fingerprint
from benchmarks.protocol.variants import VARIANTS
from datasets import Series
from kad.options import merged
from runtime.alarms.budget import event_threshold
from runtime.errors import InputError
from runtime.files import write_atomically
from runtime.model.policy import AlarmPolicy
from runtime.model.schema import Metadata

if TYPE_CHECKING:
    from benchmarks.protocol.variants import Tree

CACHE = Path(__file__).parent.parent / ".cache"
ARRAYS = ("score", "severity", "channel_scores")
STREAM = "stream."


@dataclass(frozen=True, kw_only=True)
class Case:
    """What to train, and what to score with it."""

    benchmark: str
    variant: str
    series: str
    seed: int
    detector: str
    preset: str
    overrides: dict[str, dict[str, Any]]
    """Sections as in the configuration file."""
    train: tuple[int, int]
    """Training rows."""
    parts: tuple[tuple[int, int], ...]
    """Rows to score, each range as a stream of its own."""
    primed: bool = False
    """Each stream sees the training rows before its part."""
    context: bool = False
    """Give context columns to a detector that takes them, on any grid."""
    error_streams: bool = False
    """Keep the error streams of the whole series, see `benchmarks.detection.rescoring`."""

    @classmethod
    def of(
        cls,
        benchmark: str,
        variant: str,
        series: Series,
        seed: int,
        *,
        settings: "Mapping[str, Tree]",
        **more: Any,
    ) -> Self:
        """Returns the case of a variant.

        Args:
            benchmark: Name of the benchmark.
            variant: Name of the variant; its settings win.
            series: Its training rows train; its test rows are scored if `parts` are not given.
            seed: Seed of the training.
            settings: Of the benchmark: under "" for every detector, under a name for one.
            **more: Other fields.
        """
        chosen = VARIANTS[variant]
        trees = [settings.get(name, {}) for name in ("", chosen.detector)]
        more = {"preset": chosen.preset, "parts": series.test, "train": series.train, **more}
        return cls(
            benchmark=benchmark,
            variant=variant,
            series=series.name,
            seed=seed,
            detector=chosen.detector,
            overrides=merged(*trees, chosen.overrides, {"training": {"seed": seed}}),
            **more,
        )

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> Self:
        """Reads what `dataclasses.asdict` and JSON made."""
        parts = tuple((start, end) for start, end in raw["parts"])
        return cls(**{**raw, "train": tuple(raw["train"]), "parts": parts})

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.variant}: {self.series}, seed {self.seed}"

    @property
    def keys(self) -> dict[str, Any]:
        """What identifies the case in its benchmark's table."""
        return {"variant": self.variant, "series": self.series, "seed": self.seed}

    @property
    def file(self) -> Path:
        """Where its scores are kept."""
        series = self.series.partition("/")[2].replace("/", ".")
        return CACHE / self.benchmark / self.variant / f"{series}-{self.seed}.npz"

    @property
    def settings_key(self) -> str:
        """Hash of the settings, whatever the variant is called."""
        settings = {k: v for k, v in asdict(self).items() if k not in {"benchmark", "variant"}}
        return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def code_key(self) -> str:
        """Hash of the code that trains and scores it."""
        return code_fingerprint(self.detector)

    @property
    def key(self) -> str:
        """Hash of both."""
        return f"{self.settings_key}-{self.code_key}"


@dataclass(frozen=True, kw_only=True)
class Scored:
    """What a case gave."""

    info: dict[str, Any]
    """`error` where it failed; else `metadata`, `history`, `onnx_bytes`, `train_s`, `export_s`,
    `us_per_sample`, `calibration_scores` and `least_scale` that calibrated it, and `error_streams`
    where they are kept: what each is."""
    parts: list[dict[str, np.ndarray]] = field(default_factory=list, repr=False)
    """Per part `score` `(rows,)`, `severity` `(rows,)` and `channel_scores` `(rows, channels)`,
    float32; 0 in rows that have no place on the detector's time grid."""
    streams: dict[str, np.ndarray] = field(default_factory=dict, repr=False)
    """Error streams, where they are kept; see `benchmarks.detection.rescoring`."""

    @property
    def error(self) -> str | None:
        """Why it failed."""
        return self.info.get("error")

    @cached_property
    def metadata(self) -> Metadata:
        """Of the detector file."""
        return Metadata.from_json(self.info["metadata"])

    @property
    def history(self) -> pd.DataFrame:
        """Losses and seconds per phase and epoch."""
        return pd.read_csv(io.StringIO(self.info["history"]))

    def threshold(self, budget: str, policy: AlarmPolicy | None = None) -> float:
        """Returns the severity that a false-alarm budget stands for, by the calibration rows."""
        meta = self.metadata
        return event_threshold(
            budget,
            period_s=meta.period_s,
            calibration=meta.calibration,
            policy=policy or meta.alarm,
        ).threshold

    def costs(self) -> dict[str, float]:
        """Returns what training and scoring cost, for tables."""
        names = ("train_s", "export_s", "us_per_sample", "onnx_bytes")
        return {
            **{name: self.info[name] for name in names},
            "state_size": self.metadata.state_size,
            "warmup_steps": self.metadata.warmup_steps,
            "training_rows": self.metadata.training["rows"],
        }

    def save(self, case: Case, file: Path | None = None) -> None:
        """Writes the file of a case, or another."""
        arrays: dict[str, Any] = {
            f"{number}.{name}": part[name]
            for number, part in enumerate(self.parts)
            for name in ARRAYS
        } | {f"{STREAM}{name}": array for name, array in self.streams.items()}
        keys = {"settings_key": case.settings_key, "code_key": case.code_key}
        blob = io.BytesIO()
        np.savez_compressed(blob, info=json.dumps({**self.info, **keys}), **arrays)
        file = file or case.file
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, blob.getvalue())


def load(case: Case, *, stale: bool = False) -> Scored | None:
    """Reads the scores of a case; `None` where there are none of these settings and this code.

    Args:
        case: The case.
        stale: Take scores of other code with the same settings, too.
    """
    if not case.file.is_file():
        return None
    with np.load(case.file) as arrays:
        info = json.loads(str(arrays["info"]))
        if info["settings_key"] != case.settings_key:
            return None
        if info["code_key"] != case.code_key and not (stale and _is_readable(info)):
            return None
        count = 0 if "error" in info else len(case.parts)
        parts = [{name: arrays[f"{number}.{name}"] for name in ARRAYS} for number in range(count)]
        streams = {
            name.removeprefix(STREAM): arrays[name]
            for name in arrays.files
            if name.startswith(STREAM)
        }
    return Scored(info=info, parts=parts, streams=streams)


def _is_readable(info: Mapping[str, Any]) -> bool:
    """Whether older code left what is read here."""
    return "error" in info or "calibration_scores" in info


def each(cases: list[Case], *, stale: bool = False) -> Iterator[tuple[Case, Scored]]:
    """Yields the cases that have scores, or failed."""
    for case in cases:
        if scored := load(case, stale=stale):
            yield case, scored


def training_rows(series: Series) -> tuple[int, int]:
    """Returns the rows of a series that train.

    Raises:
        InputError: It has none.
    """
    if series.train is None:
        raise InputError(f"{series.name} has no training rows.")
    return series.train


def on_clock(series: Series) -> pd.DataFrame:
    """Returns the frame; rows without time stamps are a period apart, where it is known."""
    frame = series.frame
    if isinstance(frame.index, pd.DatetimeIndex):
        return frame
    return frame.set_axis(np.arange(len(frame)) * (series.period_s or 1.0))
