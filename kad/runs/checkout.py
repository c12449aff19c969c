"""Series by name, where kad runs from a checkout: `kad train discords/ecg/chfdb_chf13_45590`.

`datasets` is not installed with kad, whose wheel must not shadow another package of that name, and
nothing that ships imports it: it runs as a process of its own.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from runtime.errors import InputError, KadError
from runtime.files import write_atomically

CHECKOUT = Path(__file__).parents[2]
"""The folder above the package: a checkout, if our `datasets` is there too."""


class NamedSeries(NamedTuple):
    """A series that `python -m datasets fetch` wrote into a temporary folder."""

    data: Path
    """Its table."""
    labels: Path
    """Its labelled windows."""
    summary: dict[str, Any]
    """What `fetch --json` says about it."""

    def defaults(self, channels: tuple[str, ...] | None) -> dict[str, Any]:
        """Returns what is known for `[data]`: training rows, units, and the period of bare rows.

        Args:
            channels: The columns that are watched; all where not given.
        """
        known, values = self.summary, {}
        if known["train"]:
            values["train"] = "{}:{}".format(*known["train"])
        if not known["timed"] and known["period_s"]:
            values["period"] = known["period_s"]
        watched = known["channels"] if channels is None else channels
        units = {name: unit for name, unit in known["units"].items() if name in watched}
        return {**values, "units": units} if units else values

    def keep(self, run: Path) -> Path | None:
        """Copies table and labels into a run; returns the labels' copy, if there are any."""
        for file in (self.data, self.labels):
            write_atomically(run / file.name, file.read_bytes())
        return run / self.labels.name if self.summary["anomalies"] else None


@contextmanager
def named_series(name: Path) -> Iterator[NamedSeries | None]:
    """Fetches the series that a command line names; `None` where it names a file.

    A file always wins. A suffix or an absolute path means a file that is not there, and so does
    every name outside a checkout.

    Raises:
        InputError: There is neither a file nor a series of this name.
        KadError: It cannot be fetched.
    """
    ours = (CHECKOUT / "datasets" / "registry.py").is_file()
    if not ours or name.exists() or name.suffix or name.is_absolute():
        yield None
        return
    with TemporaryDirectory(prefix="kad-") as folder:
        files = Path(folder) / "data.csv", Path(folder) / "labels.csv"
        yield NamedSeries(*files, _fetch(name.as_posix(), *files))


def _fetch(name: str, data: Path, labels: Path) -> dict[str, Any]:
    environment = dict(os.environ)
    if "KAD_DATA_DIR" in environment:  # relative to our working directory, not to the checkout
        environment["KAD_DATA_DIR"] = os.path.abspath(environment["KAD_DATA_DIR"])  # noqa: PTH100
    options = ["--out", str(data), "--labels", str(labels), "--json"]
    done = subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", "datasets", "fetch", *options, "--", name],
        cwd=CHECKOUT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        if done.returncode == InputError.exit_code:
            raise InputError(f"There is no file {name}. {said[-1]}")
        raise KadError(f"The series {name} cannot be fetched: {said[-1]}")
    summary: dict[str, Any] = json.loads(done.stdout)
    return summary
