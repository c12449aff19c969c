"""The wall clock, and how far it can be believed."""

import ctypes
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

__all__ = ["Clocks", "kernel_synchronised", "steady_ns"]

BUILT_NS = 1_764_547_200_000_000_000
"""2025-12-01, before which no kad of this version can run: a clock that says so is not set."""
STEP_NS = 2_000_000_000
"""A change of the wall clock against the steady one by more than this is a step."""

_SLEW = 0.001  # NTP's slewing is at most half of it
_ASK_AGAIN_NS = 10_000_000_000
_TIME_ERROR = 5
_TIMESYNC = Path("/run/systemd/timesync/synchronized")


def steady_ns() -> int:
    """Returns a time that never goes back and goes on while the machine sleeps, where it can."""
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic_ns() if boottime is None else time.clock_gettime_ns(boottime)


def kernel_synchronised() -> bool | None:
    """Asks systemd-timesyncd and the kernel whether the clock is kept by NTP.

    Returns:
        None where neither can say.
    """
    if _TIMESYNC.exists():
        return True
    if not sys.platform.startswith("linux"):
        return None
    try:
        timex = ctypes.create_string_buffer(512)  # struct timex has 208 bytes; modes 0: only asks
        state = int(ctypes.CDLL(None).adjtimex(timex))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != _TIME_ERROR


class Clocks:
    """Stamps arrivals by the wall clock, and finds out when it lies. Thread-safe.

    Stamps never go back: where the wall clock is set back they stand still until it has caught up,
    for at most `max_gap_s`. Then they follow it, and `epoch` grows: streams without times of their
    own begin anew. A step is said once.

    Args:
        max_gap_s: How long stamps stand still at most: the largest `max_gap` of the streams.
        synchronised: Whether NTP keeps the clock; None: unknown. The default does not ask.
        on_step: Is told each step, in seconds; forwards is positive.
        wall_ns: The wall clock, nanoseconds since 1970-01-01 UTC.
        steady: A clock that never goes back, in nanoseconds.
    """

    def __init__(
        self,
        *,
        max_gap_s: float = 60.0,
        synchronised: Callable[[], bool | None] = lambda: None,
        on_step: Callable[[float], None] = lambda _seconds: None,
        wall_ns: Callable[[], int] = time.time_ns,
        steady: Callable[[], int] = steady_ns,
    ) -> None:
        self._wall = wall_ns
        self._steady = steady
        self._ask = synchronised
        self._on_step = on_step
        self._max_gap_ns = round(max_gap_s * 1e9)
        self._lock = threading.Lock()
        self._seen = (wall_ns(), steady())
        self._newest = self._seen[0]
        self._stood_since: int | None = None
        self._synchronised: tuple[int, bool | None] | None = None
        self.steps = 0
        """Steps of the wall clock so far."""
        self.epoch = 0
        """How often stamps had to go back."""

    def arrival_ns(self) -> int:
        """Returns the stamp of what arrives now: nanoseconds since 1970-01-01 UTC."""
        with self._lock:
            wall, steady, step = self._look()
            if wall >= self._newest:
                self._newest, self._stood_since = wall, None
            elif self._stood_since is None:
                self._stood_since = steady
            elif steady - self._stood_since > self._max_gap_ns:
                self._newest, self._stood_since = wall, None
                self.epoch += 1
            stamp = self._newest
        self._tell(step)
        return stamp

    def hold(self, max_gap_s: float) -> None:
        """Lets stamps stand still for at most so long: the largest `max_gap` of the streams."""
        with self._lock:
            self._max_gap_ns = round(max_gap_s * 1e9)

    @property
    def ahead_ns(self) -> int:
        """How far stamps are before the wall clock: they stand still until it has caught up."""
        with self._lock:
            return self._newest - self._seen[0] if self._stood_since is not None else 0

    def check(self) -> None:
        """Looks for a step where nothing arrives; call it every few seconds."""
        with self._lock:
            *_, step = self._look()
        self._tell(step)

    @property
    def stands(self) -> bool:
        """Whether stamps stand still now, waiting for the wall clock."""
        return self._stood_since is not None

    @property
    def trouble(self) -> str:
        """Why the wall clock cannot be believed, in words; empty: it can."""
        if self._wall() < BUILT_NS:
            return "The clock was not set: it is before the date of this version."
        now = self._steady()
        if self._synchronised is None or now - self._synchronised[0] >= _ASK_AGAIN_NS:
            self._synchronised = (now, self._ask())
        return "The clock is not kept by NTP." if self._synchronised[1] is False else ""

    def _look(self) -> tuple[int, int, int]:
        """Returns the wall clock, the steady one, and the step between now and the last look."""
        wall, steady = self._wall(), self._steady()
        passed = steady - self._seen[1]
        step = wall - self._seen[0] - passed
        self._seen = (wall, steady)
        if abs(step) <= STEP_NS + _SLEW * passed:
            return wall, steady, 0
        self.steps += 1
        return wall, steady, step

    def _tell(self, step: int) -> None:
        if step:
            self._on_step(step / 1e9)
