"""How many kernels a run of a detector file starts: exact, the same on every machine.

A single step of a small network is dispatch rather than arithmetic, so that this count says most of
what it costs. It depends on the version of ONNX Runtime, which fuses and folds what it can.
"""

import json
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

ONE_STEP = {"streams": 1, "steps": 1}
"""Sizes of a single step."""
_RUNS = 4


def session(file: Path, fixed: Mapping[str, int] | None = None, *, profile: str = "") -> Any:
    """Opens a file as the runtime does: one thread, all optimisations.

    Args:
        file: The ONNX file.
        fixed: Free dimensions by name, and the sizes that they have in every call.
        profile: Prefix of the file to write a profile to; "": none.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    for name, size in (fixed or {}).items():
        options.add_free_dimension_override_by_name(name, size)
    if profile:
        options.enable_profiling, options.profile_file_prefix = True, profile
    providers = ["CPUExecutionProvider"]
    return onnxruntime.InferenceSession(str(file), options, providers=providers)


def kernels(
    file: Path, feeds: Mapping[str, np.ndarray], fixed: Mapping[str, int] | None = None
) -> Counter[str]:
    """Counts the kernels that one run starts, by operator, those of a Loop's body included.

    Args:
        file: The ONNX file.
        feeds: Inputs of the run.
        fixed: As in `session`.

    Raises:
        RuntimeError: Runs of the same inputs started different numbers of kernels.
    """
    with tempfile.TemporaryDirectory() as folder:
        opened = session(file, fixed, profile=f"{folder}/profile")
        for _ in range(_RUNS):
            opened.run(None, dict(feeds))
        events = json.loads(Path(opened.end_profiling()).read_text(encoding="utf-8"))
    return by_operator(events, runs=_RUNS)


def by_operator(events: list[dict[str, Any]], *, runs: int) -> Counter[str]:
    """Returns the kernels of one run by operator.

    Args:
        events: Of a profile that ONNX Runtime wrote.
        runs: How many runs it covers.

    Raises:
        RuntimeError: They were not the same in each run.
    """
    total = Counter(
        event["args"]["op_name"]
        for event in events
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time")
    )
    if any(count % runs for count in total.values()):
        raise RuntimeError(f"{runs} runs of the same inputs started different kernels: {total}.")
    return Counter({name: count // runs for name, count in total.items()})


def step_file(file: Path) -> Path | None:
    """Returns the step file beside a detector file, where there is one."""
    beside = file.with_suffix(".step.onnx")
    return beside if beside.is_file() else None
