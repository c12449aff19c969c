"""`python -m runtime run gateway.toml --check`: what would go wrong, and what it would cost."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from runtime.counted import counted
from runtime.errors import InUseError, KadError
from runtime.gateway.config.read import Config, read_config
from runtime.gateway.config.traps import traps
from runtime.gateway.journal.estimate import Fleet, estimate
from runtime.gateway.journal.journal import Journal
from runtime.gateway.journal.looking import LookingDisk
from runtime.gateway.journal.snapshots import Snapshots
from runtime.gateway.pipeline.kept import JOURNAL, SNAPSHOTS
from runtime.gateway.pipeline.setup import load_models
from runtime.model.detector import Detector

__all__ = ["Report", "check"]

_ROWS = 512
_TIMES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was found."""

    lines: Sequence[str]
    """One each; problems begin with `error:` or `warning:`."""

    @property
    def is_sound(self) -> bool:
        """Whether the gateway would start and lose nothing by its configuration."""
        return not any(line.startswith("error:") for line in self.lines)


def check(path: str | Path, *, streams: int = 1000) -> Report:
    """Checks a configuration, its models and its state folder; runs and changes nothing.

    Args:
        path: The configuration.
        streams: For the costs, of each model.

    Raises:
        KadError: It cannot be read at all.
    """
    config = read_config(path)
    return Report(
        lines=[*traps(config), *_brokers(config), *_models(config, streams), *_state(config)]
    )


def _brokers(config: Config) -> Iterator[str]:
    for name in config.brokers:
        yield from (f"warning: {remark}" for remark in config.broker(name).remarks())


def _models(config: Config, streams: int) -> Iterator[str]:
    models = load_models(config)
    fleets = []
    for key, detector in models.detectors.items():
        meta = detector.metadata
        row_us = _row_us(detector)
        setting = models.settings.models[key]
        yield (
            f"{key}: {meta.detector}, {counted(len(meta.channels), 'channel')}, a row every "
            f"{meta.period_s:g} s, alarms from severity {setting.threshold:.2f}, "
            f"{4 * meta.state_size / 1000:.1f} kB a stream, {row_us:.0f} µs a row here."
        )
        fleets.append(
            Fleet(
                streams=streams,
                channels=len(meta.channels),
                period_s=meta.period_s,
                state_size=meta.state_size,
                row_us=row_us,
            )
        )
        load = streams / meta.period_s * row_us / 1e6
        if load > 1:
            yield (
                f"warning: {streams} streams of {key} take {load:.1f} cores for scoring alone. "
                "Have fewer streams, or a smaller model."
            )
    for note in models.notes:
        yield f"note: {note}"
    costs = estimate(
        fleets,
        commits_per_s=1 / config.gateway.tick_s,
        snapshot_interval_s=config.journal.snapshot_s,
        journal=config.is_durable,
    )
    yield (
        f"With {streams} streams of each model: {costs.bytes_a_day / 1e9:.1f} GB written a day "
        f"(journal {costs.journal_bytes_a_day / 1e9:.1f}, snapshots "
        f"{costs.snapshot_bytes_a_day / 1e9:.1f}), at most {costs.replay_s:.0f} s to start again."
    )
    for warning in costs.warnings():
        yield f"warning: {warning}"


def _state(config: Config) -> Iterator[str]:
    folder = config.gateway.state
    if not folder.exists():
        yield f"State: {folder} will be made."
        return
    try:
        snapshots, journal = _looked_at(config)
    except InUseError as error:
        yield f"note: the state was not looked at. {error}"
        return
    except KadError as error:
        yield f"error: the state folder cannot be used: {error}"
        return
    try:
        for one in (snapshots, journal):
            yield from (f"warning: {note}" for note in (one.notes if one else ()))
        newest = snapshots.load() if snapshots else None
        after = newest.newest if newest else 0
        behind = journal.last - after if journal else 0
        records = counted(max(0, behind), "record")
        yield f"State: {folder}, snapshot up to {after}, {records} behind it."
    finally:
        for one in (snapshots, journal):
            if one is not None:
                one.close()


def _looked_at(config: Config) -> tuple[Snapshots | None, Journal | None]:
    """Opens what is there of snapshots and journal; changes nothing.

    Raises:
        KadError: A gateway would not start on it either, or one runs.
    """
    disk, folder = LookingDisk(), config.gateway.state
    snapshots = journal = None
    if (folder / SNAPSHOTS).exists():
        snapshots = Snapshots(folder / SNAPSHOTS, disk=disk)
    if config.is_durable and (folder / JOURNAL).exists():
        try:
            journal = Journal.open(
                folder / JOURNAL,
                max_bytes=config.journal.max_mb * 2**20,
                full=config.journal.when_full,
                disk=disk,
            )
        except KadError:
            if snapshots is not None:
                snapshots.close()
            raise
    return snapshots, journal


def _row_us(detector: Detector) -> float:
    """Returns microseconds to score a row where many are scored in one call."""
    streams = detector.fixed_streams or _ROWS
    x = np.zeros((streams, 1, len(detector.metadata.inputs)), np.float32)
    state = detector.initial_state(streams)
    best = float("inf")
    for _ in range(_TIMES):
        started = time.perf_counter()
        state = detector.step(x, state).next_state
        best = min(best, time.perf_counter() - started)
    return best / streams * 1e6
