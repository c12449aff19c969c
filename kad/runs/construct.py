"""From a configuration and training rows to an untrained detector."""

from collections.abc import Mapping

import pandas as pd

from kad.config import Config
from kad.data.frames import times_ns
from kad.data.period import Period, find_period
from kad.data.tables import ROWS
from kad.detector import Detector
from runtime.clock.context import CONTEXT_COLUMNS
from runtime.errors import InputError
from runtime.model.checks import check_column


def build_detector(
    config: Config,
    rows: pd.DataFrame,
    names: tuple[str, ...],
    *,
    period: Period | None = None,
    stated: Mapping[str, str] | None = None,
) -> Detector:
    """Returns an untrained detector.

    Args:
        config: From `build_config`.
        rows: Training rows, which give what the configuration leaves open: period, context.
        names: The channels.
        period: Their sampling period; `sampling` of the rows where not given.
        stated: Units that the table states; those of the configuration win.

    Raises:
        InputError: Units for unknown channels, names with control characters, or rows that mix
            sampling periods.
    """
    units = {**(stated or {}), **config.data.units}
    unknown = sorted(set(config.data.units) - set(names))
    if unknown:
        raise InputError(
            f"data.units names {', '.join(unknown)}; the channels are {', '.join(names)}."
        )
    for name in names:
        try:
            check_column(name, units.get(name))
        except ValueError as error:
            raise InputError(
                f"A channel needs a name that a detector file can hold: {error}. Rename the column."
            ) from error
    period_s = (period or sampling(config, rows)).seconds
    return config.detector(
        names,
        channel_units=[units.get(name) for name in names],
        period_s=period_s,
        grid=config.data.grid,
        max_gap_steps=config.data.max_gap,
        context=CONTEXT_COLUMNS if _wants_context(config, rows, period_s) else (),
        scoring=config.scoring.model_dump(),
        **config.arguments,
    )


def sampling(config: Config, rows: pd.DataFrame) -> Period:
    """Returns the sampling period: as the configuration says, else as the rows show.

    Raises:
        InputError: See `kad.data.period.find_period`.
    """
    if config.data.period is not None:
        return Period(config.data.period, "as it was said")
    if rows.index.name == ROWS:
        return Period(1.0, "for there are no times")
    return find_period(times_ns(rows), mixed=config.data.grid == "rows")


def _wants_context(config: Config, rows: pd.DataFrame, period_s: float) -> bool:
    if config.data.context is not None:
        return config.data.context
    times = times_ns(rows)
    return (
        config.detector.takes_context
        and rows.index.name != ROWS
        and config.data.grid == "time"
        and 60 <= period_s <= 6 * 3600
        and int(times.max() - times.min()) >= 2 * 86_400 * 10**9
    )
