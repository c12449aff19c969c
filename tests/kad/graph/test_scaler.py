"""What stands for the standard deviation of a channel, however little it varies."""

import numpy as np
import pytest

from kad.graph.scaler import CONSTANT, FARTHEST_STEP, VARIES, Scaler, scale_of
from runtime.errors import InputError

RNG = np.random.default_rng(0)
NOISE = RNG.integers(-2, 3, 1000)
LEVELS = (0.999, 1e6, 1e-6, -273.15)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("kind", ["float32", "float64", "none"])
def test_rounding_around_a_level_is_constant(level, kind):
    """A few units in the last place of either float, or nothing at all."""
    spacing = 0.0 if kind == "none" else float(np.spacing(np.dtype(kind).type(abs(level))))
    assert scale_of(level + spacing * NOISE) == pytest.approx(CONSTANT * abs(level), rel=1e-5)


@pytest.mark.parametrize("readings", [np.zeros(9), 5.55e-17 * NOISE])
def test_what_float64_leaves_of_0_is_0(readings):
    """It has no level to take a share of."""
    assert scale_of(readings) == 1.0


@pytest.mark.parametrize("level", [0.0, 20.0])
@pytest.mark.parametrize("rounding", [0.0, 1e-7])
def test_a_rare_value_is_one_step_away(level, rounding):
    """However rare it is, and whether or not both are rounded."""
    readings = level + rounding * NOISE
    readings[500] += 0.5
    assert scale_of(readings) == pytest.approx(0.5 / FARTHEST_STEP, rel=1e-4)


@pytest.mark.parametrize(
    "readings",
    [
        np.arange(1000) % 2.0,
        RNG.normal(20, 1, 1000),
        np.round(RNG.normal(20, 1, 1000), 1),
        101325 + RNG.normal(0, 1, 1000),
        np.append(RNG.normal(0, 1, 1000), 1e3),
        np.append(np.linspace(0, 0.05, 200_000), 1.0),
    ],
    ids=["status", "continuous", "rounded", "large offset", "outlier", "dense, outlier"],
)
def test_what_varies_has_its_standard_deviation(readings):
    """Resolution far below it has no say, nor a single gap between continuous readings."""
    assert scale_of(readings) == readings.std()


def test_constant_channels_are_told_from_others_by_their_range():
    """Standardised, the training readings of a channel that varies span more than `VARIES`."""
    once = np.zeros(1000)
    once[3] = 1e-3
    columns = [np.full(1000, 7.0), 1e6 + 0.06 * NOISE, once, RNG.normal(0, 1, 1000)]
    values = np.stack(columns, axis=1)
    scaler = Scaler(4)
    scaler.fit(values, names=("a", "b", "c", "d"))
    span = np.ptp((values - np.asarray(scaler.mean)) / np.asarray(scaler.std), axis=0)
    assert (span < VARIES).tolist() == [True, True, False, False]
    assert span[:2].max() < 1e-3


@pytest.mark.parametrize(
    ("reading", "message"),
    [(np.nan, "has no reading"), (1e30, "beyond what float32"), (1e-31, "below what float32")],
)
def test_what_float32_cannot_square_is_refused(reading, message):
    """One line that says what to do; missing samples do not count."""
    values = np.array([[1.0, reading], [2.0, np.nan]])
    with pytest.raises(InputError, match=f"'b' {message}|'b' has readings.*{message}") as error:
        Scaler(2).fit(values, names=("a", "b"))
    assert "\n" not in str(error.value)
