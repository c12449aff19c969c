"""One detector file, loaded: validation and the pure `step`."""

from pathlib import Path
from typing import Any, Self

import numpy as np

from runtime.errors import InputError, ModelFileError
from runtime.model.outputs import OUTPUTS, Array, StepOutput, concatenated, nothing, shapes
from runtime.model.schema import GOLDEN_KEY, INPUTS, METADATA_KEY, Metadata

__all__ = ["Detector"]

_LOG_FATAL = 4


class Detector:
    """A detector file, loaded and checked. Immutable: threads may share one.

    It holds no state of any stream, `step` is a pure function. Use `Stream` or `StreamBatch` to
    score rows with timestamps.

    Args:
        model: Path of a `.onnx` file that kad exported, or the file's bytes.
        threads: Threads that one call may use; 1 is best for small networks and gateways.
        streams: The number of streams of every call, where it is known and never changes: lets
            onnxruntime plan its memory once. Default: any number.

    Raises:
        ModelFileError: Not a readable ONNX file, not made by kad, or damaged.
        SchemaError: Made for another schema version.
    """

    __slots__ = ("_metadata", "_name", "_outputs", "_session", "fixed_steps", "fixed_streams")

    fixed_streams: int | None
    """The only number of streams that `step` takes; None: any."""
    fixed_steps: int | None
    """`step` takes only multiples of this many steps; None: any number."""

    def __init__(
        self, model: str | Path | bytes, *, threads: int = 1, streams: int | None = None
    ) -> None:
        if threads < 1 or (streams is not None and streams < 1):
            raise InputError(
                "`threads` and `streams` must be at least 1. "
                f"Received: threads={threads}, streams={streams}."
            )
        self._name = "the detector" if isinstance(model, bytes) else str(model)
        content = model if isinstance(model, bytes) else _read(Path(model))
        self._session = _open(content, self._name, threads, streams)
        self._outputs = list(OUTPUTS)
        text = self._session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
        if text is None:
            raise ModelFileError(
                f"{self._name} must be a detector exported by kad. Received: an ONNX model "
                f"without the `{METADATA_KEY}` metadata. Export it with `python -m export RUN`."
            )
        self._metadata = Metadata.from_json(text)
        self.fixed_streams, self.fixed_steps = self._check_tensors()

    @classmethod
    def load(
        cls, model: str | Path | bytes, *, threads: int = 1, streams: int | None = None
    ) -> Self:
        """Loads a detector file; the same as the constructor."""
        return cls(model, threads=threads, streams=streams)

    @property
    def metadata(self) -> Metadata:
        """What the file says about itself."""
        return self._metadata

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the measured columns, in order."""
        return self._metadata.channels

    @property
    def golden(self) -> str | None:
        """The golden vectors as they are in the file; see `runtime.model.verify`."""
        text: str | None = self._session.get_modelmeta().custom_metadata_map.get(GOLDEN_KEY)
        return text

    def initial_state(self, streams: int = 1) -> Array:
        """Returns the state of new streams: zeros, float32 (streams, state_size)."""
        return np.zeros((streams, self._metadata.state_size), np.float32)

    def step(self, x: Array, state: Array) -> StepOutput:
        """Scores the next steps of one or more streams.

        Calls longer than the file's `max_steps` are split; any split gives the same numbers.

        Args:
            x: Raw sensor units, then context columns, float32 (streams, steps, inputs). NaN or
                infinity means missing.
            state: `initial_state` or the `next_state` of the call before, float32 (streams,
                state_size). It is not changed.

        Returns:
            Outputs for every step, and the state after the last one.

        Raises:
            InputError: Wrong shapes or dtypes; nothing is converted silently.
        """
        self._check_call(x, state)
        steps = x.shape[1]
        chunk = self.fixed_steps or self._metadata.max_steps
        if 0 < steps <= chunk:
            return self._run(x, state)
        parts = []
        for start in range(0, steps, chunk):
            parts.append(self._run(x[:, start : start + chunk], state))
            state = parts[-1].next_state
        if not parts:
            return nothing(x.shape[:2], channels=len(self.channels), state=state)
        return concatenated(parts, axis=1)

    def _run(self, x: Array, state: Array) -> StepOutput:
        # The plain `run` with a ready list of names: 7 us of overhead per call here. OrtValues
        # cost 40 us; a reused io_binding costs 3 us, but is neither pure nor thread-safe.
        try:
            return StepOutput(*self._session.run(self._outputs, {"x": x, "state": state}))
        except Exception as error:
            raise ModelFileError(
                f"{self._name} failed on x {x.shape}: {_first_line(error)}. "
                "Check the file with `python -m runtime verify`."
            ) from error

    def _check_call(self, x: Array, state: Array) -> None:
        meta = self._metadata
        if x.dtype != np.float32 or x.ndim != 3 or x.shape[2] != len(meta.inputs):
            names = ", ".join(column.name for column in meta.inputs)
            raise InputError(
                f"`x` must be float32 (streams, steps, {len(meta.inputs)}). "
                f"Received: {x.dtype} {x.shape}. Give one column for each of {names}."
            )
        streams, steps, _ = x.shape
        if state.dtype != np.float32 or state.shape != (streams, meta.state_size):
            raise InputError(
                f"`state` must be float32 ({streams}, {meta.state_size}). "
                f"Received: {state.dtype} {state.shape}. Start with `initial_state({streams})` "
                "and feed `next_state` back."
            )
        if self.fixed_streams not in (None, streams):
            raise InputError(
                f"`x` must have {self.fixed_streams} streams: this detector's number of streams "
                f"is fixed. Received: {streams}. Export it without `--streams` for any number."
            )
        if self.fixed_steps and steps % self.fixed_steps:
            raise InputError(
                f"`x` must have a multiple of {self.fixed_steps} steps: this detector's number "
                f"of steps is fixed. Received: {steps}. Export it without `--steps` for any "
                "number."
            )

    def _check_tensors(self) -> tuple[int | None, int | None]:
        meta = self._metadata
        wanted_shapes = shapes(
            inputs=len(meta.inputs), channels=len(meta.channels), state_size=meta.state_size
        )
        tensors = {t.name: t for t in (*self._session.get_inputs(), *self._session.get_outputs())}
        if (
            len(self._session.get_inputs()) != len(INPUTS)
            or not wanted_shapes.keys() <= tensors.keys()
        ):
            raise ModelFileError(
                f"{self._name} must have the inputs {', '.join(INPUTS)} and the outputs "
                f"{', '.join(OUTPUTS)}. Received: {', '.join(tensors)}. Export it again."
            )
        fixed: dict[str, int] = {}
        for name, shape in wanted_shapes.items():
            tensor = tensors[name]
            ranks_differ = len(tensor.shape) != len(shape)
            wrong = tensor.type != "tensor(float)" or ranks_differ
            for wanted, found in zip(shape, tensor.shape, strict=False):
                if not isinstance(found, int):
                    continue
                if isinstance(wanted, str):
                    wrong |= fixed.setdefault(wanted, found) != found
                else:
                    wrong |= wanted != found
            if wrong:
                raise ModelFileError(
                    f"Tensor `{name}` of {self._name} must be tensor(float) "
                    f"({', '.join(map(str, shape))}). Received: {tensor.type} "
                    f"({', '.join(map(str, tensor.shape))}). Export the detector again."
                )
        return fixed.get("streams"), fixed.get("steps")

    def __repr__(self) -> str:
        return f"Detector({self._name!r}, {self._metadata.detector}, channels={self.channels})"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelFileError(
            f"The detector file {path} cannot be read: {error.strerror}. Check the path."
        ) from error


def _open(content: bytes, name: str, threads: int, streams: int | None) -> Any:
    # Here and not at the top, so that reading metadata or timestamps costs no 0.1 s of import.
    import onnxruntime

    if not content:
        raise ModelFileError(
            f"{name} must be an ONNX file. Received: an empty file. Copy it again."
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _LOG_FATAL
    if streams is not None:
        options.add_free_dimension_override_by_name("streams", streams)
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ModelFileError(
            f"{name} must be an ONNX file that this onnxruntime {onnxruntime.__version__} can "
            f"load. Received: {len(content)} bytes, {_first_line(error)}. The file is truncated, "
            "damaged or something else: copy or export it again."
        ) from error


def _first_line(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0].rstrip(".")[:200]
