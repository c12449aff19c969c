"""A picture of a finished page, taken by a browser that is already installed."""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from runtime.errors import InputError, KadError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
"""Programs on PATH that can take pictures, in the order in which they are tried."""
WIDTH_PX = 1280
_SECONDS = 120
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--virtual-time-budget=10000",
)


def find_browser() -> str | None:
    """Returns the path of an installed Chromium or Chrome, or `None`."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


def browse(page: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    """Opens a local report in the browser without a window or network, and waits.

    Args:
        page: The page.
        *flags: Such as `--dump-dom`.

    Raises:
        InputError: There is no browser.
        KadError: The browser fails.
    """
    browser = find_browser()
    if browser is None:
        raise InputError(
            "Pictures need Chromium or Chrome on PATH. Install one (apt-get install chromium), or "
            "open the page and print it."
        )
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        # There long tables are shown whole.
        address = f"{page.resolve().as_uri()}#whole"
        command = [browser, *_FLAGS, f"--user-data-dir={profile}", *flags, address]
        try:
            return subprocess.run(  # noqa: S603 - a fixed program on a page of ours
                command, capture_output=True, text=True, timeout=_SECONDS, check=True
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise KadError(f"{browser} could not open {page}: {error}") from error


def picture_of(page: Path, target: Path) -> Path:
    """Returns the file that `take_picture` writes."""
    return target if target.suffix.lower() == ".png" else target / f"{page.stem}.png"


def take_picture(
    page: Path, target: Path, *, width_px: int = WIDTH_PX, height_px: int | None = None
) -> Path:
    """Takes a picture of a page.

    Args:
        page: A page that `write_report` wrote.
        target: A `.png` file, or a folder that gets one with the name of the page.
        width_px: Width of the picture.
        height_px: Its height; the whole page where not given.

    Returns:
        Path of the picture.

    Raises:
        InputError: There is no browser, or no such folder.
        KadError: The browser fails.
    """
    place = picture_of(page, target)
    if place != target:
        target.mkdir(parents=True, exist_ok=True)
    target = place
    if not target.parent.is_dir():
        raise InputError(f"There is no folder {target.parent} for the picture.")
    opened = browse(page, f"--window-size={width_px},1000", "--dump-dom").stdout
    # The page writes its height down when every chart is drawn.
    height = re.search(r'<html[^>]* data-height="(\d+)"', opened)
    if height is None:
        raise KadError(f"The charts of {page} were not drawn. Open it in a browser to see why.")
    temporary = target.with_name(f".{target.name}.tmp.png")
    try:
        size = f"--window-size={width_px},{height_px or height[1]}"
        browse(page, size, f"--screenshot={temporary}")
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return target
