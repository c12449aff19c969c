"""Whether a detector fits into this machine's memory, said before it is trained or exported."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from kad.config import build_config
from kad.detector import Detector
from kad.detectors import detector_class, detector_names
from runtime.counted import counted
from runtime.errors import ConfigError, InputError

VARIABLE = "KAD_MEMORY_MB"
"""Environment variable that says how much memory kad may take, instead of asking the machine."""

_MB = 1_000_000
_SMALLEST = "tiny"
_MOST_WAYS = 3


def free_bytes(root: Path = Path("/")) -> int | None:
    """Returns how much memory this process can still get: the machine's, or its container's.

    Args:
        root: Where `proc` and `sys` are.

    Returns:
        Bytes, swap included; `KAD_MEMORY_MB` where it is set; None where nothing says it.

    Raises:
        ConfigError: `KAD_MEMORY_MB` is no whole number.
    """
    said = os.environ.get(VARIABLE)
    if said is not None:
        if not said.isdigit():
            raise ConfigError(f"{VARIABLE} must be a number of megabytes. Received: {said!r}.")
        return int(said) * _MB
    found = [*_of_machine(root), *_of_containers(root)]
    return min(found) if found else None


def _of_machine(root: Path) -> Iterator[int]:
    text = _text(root / "proc/meminfo")
    lines = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    if "MemAvailable" in lines:
        parts = (lines["MemAvailable"], lines.get("SwapFree", "0 kB"))
        yield sum(int(part.split()[0]) * 1024 for part in parts)
    elif hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        yield os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _of_containers(root: Path) -> Iterator[int]:
    """Yields what is left of the limit of each control group that this process is in."""
    groups = root / "sys/fs/cgroup"
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            base, names, cache = groups, ("memory.max", "memory.current"), "inactive_file"
        elif "memory" in controllers.split(","):
            base, names = groups / "memory", ("memory.limit_in_bytes", "memory.usage_in_bytes")
            cache = "total_inactive_file"
        else:
            continue
        inner = base / path.lstrip("/")
        # Within a container, the path is often the host's and not there.
        for folder in (inner, *inner.parents):
            limit, used = (_text(folder / name).strip() for name in names)
            if limit.isdigit() and used.isdigit():
                stat = dict(row.split() for row in _text(folder / "memory.stat").splitlines())
                yield max(0, int(limit) - int(used) + int(stat.get(cache, 0)))
            if folder == base:
                break


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return ""


def check_training(detector: Detector, rows: int) -> None:
    """Checks that a detector can be trained, and then exported, in the memory that is free.

    Args:
        detector: Untrained.
        rows: Training rows.

    Raises:
        InputError: It cannot; the message says what can.
    """
    free, need = free_bytes(), detector.memory_needed(rows)
    if free is None or max(need.train, need.export) <= free:
        return
    raise InputError(
        f"The detector {detector.detector_name} on {counted(len(detector.channels), 'channel')} "
        f"and {counted(rows, 'row')} needs about {_gb(need.train)} of memory to be trained and "
        f"{_gb(need.export)} to be "
        f"exported. Received: {_gb(free)} free. {_advice(detector, rows, free)} To try "
        f"nevertheless, set {VARIABLE}."
    )


def check_export(detector: Detector) -> None:
    """Checks that a trained detector can be exported in the memory that is free.

    Raises:
        InputError: It cannot.
    """
    free, need = free_bytes(), detector.memory_needed(0).export
    if free is not None and need > free:
        raise InputError(
            f"Export needs about {_gb(need)} of memory for {detector.detector_name} on "
            f"{counted(len(detector.channels), 'channel')}. Received: {_gb(free)} free. Export "
            "it on a "
            f"machine with more. To try nevertheless, set {VARIABLE}."
        )


def _advice(detector: Detector, rows: int, free: int) -> str:
    """Says what would fit: fewer channels, and up to two smaller detectors."""
    channels, own = detector.channels, detector.get_config()
    ways = []
    if fewer := _most_channels(type(detector), own, rows, free):
        ways.append(f"at most {counted(fewer, 'channel')} with --channels")
    for name, cls in _smaller(detector):
        arguments = build_config(detector=name, preset=_SMALLEST).arguments
        need = _needed(cls, channels, rows, arguments)
        if need <= free and len(ways) < _MOST_WAYS:
            ways.append(f"--detector {name} --preset {_SMALLEST} ({_gb(need)})")
    if not ways:
        return "No detector fits: give fewer rows with --train, or more memory."
    return f"What fits: {', or '.join(ways)}."


def _smaller(detector: Detector) -> Iterator[tuple[str, type[Detector]]]:
    """Yields detectors with a small preset, that one first."""
    others = [name for name in detector_names() if name != detector.detector_name]
    for name in (detector.detector_name, *others):
        cls = type(detector) if name == detector.detector_name else detector_class(name)
        if _SMALLEST in cls.presets:
            yield name, cls


def _most_channels(cls: type[Detector], own: dict[str, object], rows: int, free: int) -> int:
    """Returns on how many of its channels a detector fits, 0 where on none."""
    names, shared = own["channels"], {"name", "channels", "channel_units", "card"}
    arguments = {key: value for key, value in own.items() if key not in shared}
    fits, fails = 0, len(names)  # type: ignore[arg-type]
    while fails - fits > 1:
        middle = (fits + fails) // 2
        if _needed(cls, names[:middle], rows, arguments) <= free:  # type: ignore[index]
            fits = middle
        else:
            fails = middle
    return fits


def _needed(
    cls: type[Detector], channels: Sequence[str], rows: int, arguments: dict[str, object]
) -> int:
    need = cls(list(channels), **arguments).memory_needed(rows)  # type: ignore[arg-type]
    return max(need.train, need.export)


def _gb(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
