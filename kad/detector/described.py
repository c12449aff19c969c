"""What a detector is: its constructor, and what is said of it."""

import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from functools import lru_cache
from math import inf
from typing import Any, ClassVar

from kad.detector.footprint import Needed, needed
from kad.detector.own import Own
from kad.graph.calibration import Calibration
from kad.graph.scaler import Scaler
from kad.graph.scoring import Scoring
from kad.graph.state import Layout, StateLayout
from kad.options import ScoringOptions
from runtime.alarms.budget import BudgetThreshold, event_threshold
from runtime.clock.context import CONTEXT_COLUMNS
from runtime.clock.grid import (
    FILE_REMEMBER,
    FILE_REORDER,
    GridKind,
    RowGrid,
    TimeGrid,
    make_grid,
)
from runtime.errors import ConfigError, InputError
from runtime.model.outputs import score_columns
from runtime.model.policy import AlarmPolicy
from runtime.model.schema import InputColumn, Metadata, StatePart


class Described(Own):
    """Adds the constructor, whose arguments `Detector` describes, and what is said of it."""

    detector_name: ClassVar[str]
    """Name on command lines and in detector files: its module's."""

    layout: StateLayout
    """Parts of the packed state."""

    machine_layout: Layout
    """Parts of the row of what belongs to one machine."""

    def __init__(
        self,
        channels: Sequence[str],
        *,
        channel_units: Sequence[str | None] | None = None,
        period_s: float = 1.0,
        grid: GridKind = "time",
        max_gap_steps: int | None = None,
        context: Sequence[str] = (),
        scoring: Mapping[str, Any] | None = None,
        importance: Sequence[float] | None = None,
        card: str = "{}",
        member: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._is_member = member
        _check_names(channels, channel_units)
        self._check(period_s, context)
        self.channels = tuple(channels)
        self.context = tuple(context)
        self.channel_units = tuple(channel_units or (None,) * len(channels))
        self.period_s = float(period_s)
        self.grid = grid
        self._max_gap_steps = max_gap_steps
        self._card = card
        self.scaler = Scaler(len(channels), name="scaler")
        self.calibration = Calibration(name="calibration")
        self.scoring = self._scoring(scoring, importance)

    def _check(self, period_s: float, context: Sequence[str]) -> None:
        if not period_s > 0:
            raise InputError(f"`period_s` must be above 0. Received: {period_s}.")
        if context and not self.takes_context:
            raise ConfigError(
                f"The detector {self.detector_name} takes no context. Leave out [data] context."
            )
        if context and tuple(context) != CONTEXT_COLUMNS:
            raise ConfigError(
                f"`context` must be empty or {', '.join(CONTEXT_COLUMNS)}. Received: {context!r}."
            )

    def _scoring(
        self, options: Mapping[str, Any] | None, importance: Sequence[float] | None
    ) -> Scoring:
        usual = self.presets["default"].get("scoring", {})
        weights = [stream.weight for stream in self.streams] if importance is None else importance
        if len(weights) != len(self.streams) or not all(0 <= weight < inf for weight in weights):
            raise ConfigError(
                f"`importance` must be {len(self.streams)} weights of at least 0, one for each of: "
                f"{', '.join(stream.meaning for stream in self.streams)}. Received: {importance!r}."
            )
        return Scoring(
            len(self.channels),
            streams=[
                stream._replace(weight=float(weight))
                for stream, weight in zip(self.streams, weights, strict=True)
            ],
            options=ScoringOptions(**(usual if options is None else options)),
            name="scoring",
        )

    @property
    def declared_loops(self) -> int:
        """Control flow nodes that the exported graph may have."""
        return self.own_loops + int(self.scoring.is_adaptive)

    @property
    def of_machine(self) -> dict[str, Any]:
        """The weights that belong to one machine: scaler, first statistics, ranges, calibration."""
        layers: dict[str, Any] = {
            "scaler": self.scaler,
            "scoring": self.scoring,
            "calibration": self.calibration,
        }
        parts = {
            f"{layer}.{name}": value
            for layer, own in layers.items()
            for name, value in own.of_machine.items()
        }
        return {**parts, **self.own_of_machine}

    @property
    def state_size(self) -> int:
        """Length of one stream's state row."""
        return self.layout.size

    def memory_needed(self, rows: int) -> Needed:
        """Estimates the peak memory of training on some rows, of export and of scoring."""
        return needed(
            rows=rows,
            inputs=len(self.channels) + len(self.context),
            max_steps=self.max_steps,
            step_numbers=self.step_numbers,
            row_numbers=self.row_numbers,
            state_size=self.state_size,
            weights=self.count_params(),
            families=self.families,
        )

    @property
    def max_gap_steps(self) -> int:
        """A gap of more missing rows than this restarts the warm-up."""
        return self.warmup_steps // 6 if self._max_gap_steps is None else self._max_gap_steps

    @property
    def card(self) -> dict[str, Any]:
        """What `fit` wrote down: `training`, `calibration`, `threshold`, `false_alarms`."""
        return deepcopy(_parsed(self._card))

    @property
    def is_trained(self) -> bool:
        """Whether it has a threshold."""
        return "threshold" in _parsed(self._card)

    @property
    def reorder(self) -> int:
        """Rows of a file may arrive this many periods late: as in training."""
        return int(_parsed(self._card).get("reorder", FILE_REORDER))

    @property
    def metadata(self) -> Metadata:
        """What the detector says about itself, in its file too; no hashes before export.

        Raises:
            InputError: It is not trained.
        """
        if not self.is_trained:
            raise InputError(
                "The detector is not trained, so it has no threshold. Train it with kad train."
            )
        card = self.card
        channels = [
            InputColumn(name=name, unit=unit)
            for name, unit in zip(self.channels, self.channel_units, strict=True)
        ]
        return Metadata(
            detector=self.detector_name,
            inputs=(*channels, *(InputColumn(name=n, role="context") for n in self.context)),
            period_s=self.period_s,
            grid=self.grid,
            max_gap_steps=self.max_gap_steps,
            reorder=self.reorder,
            warmup_steps=self.warmup_steps,
            max_steps=self.max_steps,
            state_size=self.state_size,
            threshold=float(card["threshold"]),
            false_alarms=str(card["false_alarms"]),
            state=self._state_parts(),
            alarm=self.alarm_policy,
            calibration=card["calibration"],
            training=card["training"],
        )

    def _state_parts(self) -> tuple[StatePart, ...]:
        keeps = self.layout.keeps
        return tuple(
            StatePart(
                name=name,
                shape=shape[1:] if len(shape) == 2 and shape[0] == 1 else shape,
                offset=offset,
                keeps=name in keeps,
            )
            for name, shape, offset in self.layout.slices
        )

    def make_grid(self, *, reorder: int | None = None) -> TimeGrid | RowGrid:
        """Returns a new grid for rows of a file; it needs no training.

        Args:
            reorder: Rows may arrive this many periods late; as in training where not given.
        """
        return make_grid(
            self.grid,
            period_s=self.period_s,
            channels=len(self.channels),
            max_gap=self.max_gap_steps,
            reorder=self.reorder if reorder is None else reorder,
            remember=FILE_REMEMBER,
        )

    @property
    def alarm_policy(self) -> AlarmPolicy:
        """What makes an event, by default."""
        return AlarmPolicy.from_dict(_parsed(self._card).get("alarm", {}))

    @property
    def budget(self) -> BudgetThreshold:
        """What the false-alarm budget became, and how well that is known."""
        return _counted(self._card, self.period_s)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            "name": self.name,
            "channels": list(self.channels),
            "channel_units": list(self.channel_units),
            "period_s": self.period_s,
            "grid": self.grid,
            "max_gap_steps": self._max_gap_steps,
            "context": list(self.context),
            "scoring": self.scoring.options.model_dump(),
            "card": self._card,
        }


def _check_names(channels: Sequence[str], channel_units: Sequence[str | None] | None) -> None:
    if isinstance(channels, str) or not channels or len(set(channels)) < len(channels):
        raise InputError(
            f"`channels` must be a list of distinct column names. Received: {channels!r}."
        )
    columns = [name for names in score_columns(channels).values() for name in names]
    if len(set(columns)) < len(columns):
        twice = next(name for name in columns if columns.count(name) > 1)
        raise InputError(
            f"The scores would have two columns {twice!r}: the channel of that name and the "
            "detector's own. Rename the channel."
        )
    if channel_units is not None and len(channel_units) != len(channels):
        raise InputError(
            f"`channel_units` must have one entry for each of {len(channels)} channels. "
            f"Received: {channel_units!r}."
        )


# Keras reads every public property while it saves and loads, and a card has up to 100 kB.


@lru_cache(maxsize=16)
def _parsed(card: str) -> dict[str, Any]:
    return dict(json.loads(card))


@lru_cache(maxsize=16)
def _counted(card: str, period_s: float) -> BudgetThreshold:
    said = _parsed(card)
    return event_threshold(
        said["false_alarms"],
        period_s=period_s,
        calibration=said["calibration"],
        policy=AlarmPolicy.from_dict(said.get("alarm", {})),
    )
