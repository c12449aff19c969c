"""`--check` beside a gateway that runs."""

import shutil
from pathlib import Path

from runtime.gateway.check import check
from runtime.gateway.config.options import JournalOptions
from runtime.gateway.pipeline.kept import Kept

GOLDEN = Path(__file__).parents[2] / "golden/detectors/gaussian.onnx"
TEXT = """
[gateway]
name = "gw1"
[[model]]
file = "pump.onnx"
[[source]]
kind = "stdin"
[[sink]]
kind = "jsonl"
"""


def test_in_use(tmp_path):
    """A changed configuration can be checked while the gateway runs: that is a note, no error."""
    shutil.copy(GOLDEN, tmp_path / "pump.onnx")
    path = tmp_path / "gateway.toml"
    path.write_text(TEXT)
    assert check(path).lines[-1] == f"State: {tmp_path / 'kad-state'} will be made."
    kept = Kept.open(tmp_path / "kad-state", JournalOptions(), journal=False)
    try:
        report = check(path)
    finally:
        kept.close()
    assert report.is_sound
    assert report.lines[-1].startswith("note: the state was not looked at.")
    assert "snapshot up to 0" in check(path).lines[-1]
