"""One detector file, loaded: validation and the pure `step`."""

from collections.abc import Iterator
from math import isfinite
from pathlib import Path
from typing import Any, Self

import numpy as np

from runtime.errors import InputError, ModelFileError
from runtime.model.container import Container, check_seal, read_container
from runtime.model.limits import FILE_BYTES, STREAMS, THREADS
from runtime.model.outputs import OUTPUTS, Array, StepOutput, concatenated, shapes
from runtime.model.schema import (
    GOLDEN_KEY,
    INPUTS,
    METADATA_KEY,
    OLDEST_SCHEMA,
    WARM_KEY,
    Metadata,
)
from runtime.model.warm import read_warm

__all__ = ["Detector", "step_path"]

_LOG_FATAL = 4
_FLOAT32 = np.dtype(np.float32)
_SINGLE = (1, 1)


class Detector:
    """A detector file, loaded and checked. Immutable: threads may share one.

    It holds no state of any stream, `step` is a pure function. Use `Stream` or `StreamBatch` to
    score rows with timestamps. Where the file's step file lies beside it (`python -m export
    --step`), calls of one stream and one step take that; it is checked at once, and opened for the
    first of them. It pickles: by its file's path, which must
    then hold the same detector, or with the bytes that it was made of.

    Args:
        model: Path of a `.onnx` file that kad exported, or the file's bytes.
        threads: Threads that one call may use; 1 is best for small networks and gateways.
        streams: The number of streams of every call, where it is known and never changes: lets
            onnxruntime plan its memory once. Default: any number.

    Raises:
        ModelFileError: Not a readable ONNX file, not made by kad, damaged, or beyond
            `runtime.model.limits`.
        SchemaError: Made for another schema version.
    """

    __slots__ = (
        "_columns",
        "_entries",
        "_fixed",
        "_metadata",
        "_name",
        "_outputs",
        "_run",
        "_run_single",
        "_source",
        "_step_file",
        "fixed_steps",
        "fixed_streams",
    )

    fixed_streams: int | None
    """The only number of streams that `step` takes; None: any."""
    fixed_steps: int | None
    """`step` takes only multiples of this many steps; None: any number."""

    def __init__(
        self, model: str | Path | bytes, *, threads: int = 1, streams: int | None = None
    ) -> None:
        _check_number("threads", threads, THREADS)
        if streams is not None:
            _check_number("streams", streams, STREAMS)
        self._name = "the detector" if isinstance(model, bytes) else _printable(str(model))
        source = model if isinstance(model, bytes) else Path(model).absolute()
        self._source = (source, threads, streams)
        content = model if isinstance(model, bytes) else _read(Path(model))
        container = read_container(content, self._name)
        self._entries = container.entries
        self._metadata = _checked_metadata(container, self._name)
        session = _open(content, self._name, threads, streams)
        self.fixed_streams, self.fixed_steps = self._check_tensors(session, self._name)
        if streams not in (None, self.fixed_streams):
            raise InputError(
                f"`streams` must be {self.fixed_streams}: {self._name} is fixed to that number. "
                f"Received: {streams}. Export it without `--streams` for any number."
            )
        # A bound method and a ready list of names: 7 us of overhead per call here. OrtValues cost
        # 40 us; a reused io_binding costs 3 us, but is neither pure nor thread-safe.
        self._run = session.run
        self._outputs = list(OUTPUTS)
        self._columns = (len(self._metadata.inputs),)
        fixed = (self.fixed_streams, self.fixed_steps)
        self._fixed = None if fixed == (None, None) else fixed
        self._run_single = self._run
        if isinstance(source, Path) and self._metadata.step_of is None:
            self._take_step_file(step_path(source), threads)

    def _take_step_file(self, path: Path, threads: int) -> None:
        if not path.exists():
            return
        content, name = _read(path), _printable(str(path))
        metadata = _checked_metadata(read_container(content, name), name)
        if metadata.step_of != self._metadata.graph_sha256:
            raise ModelFileError(
                f"{name} must be the step file of {self._name}. Received: that of another "
                "detector. Export both again with `--step`, or remove it."
            )
        self._step_file = (content, name, threads)
        self._run_single = self._open_step_file

    def _open_step_file(self, outputs: list[str], feeds: dict[str, Array]) -> Any:
        """Runs the first single step. Its session costs 50 ms, and batches never need it."""
        content, name, threads = self._step_file
        session = _open(content, name, threads, streams=None)
        self._check_tensors(session, name)
        self._run_single = session.run
        return session.run(outputs, feeds)

    @property
    def has_step_file(self) -> bool:
        """Whether calls of one stream and one step take the step file."""
        return self._run_single is not self._run

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
        return self._entries.get(GOLDEN_KEY)

    @property
    def warm_state(self) -> Array | None:
        """The state at the end of the training rows: float32 (1, state_size), a new array.

        Its first number is 0: a stream that starts from it warms up, and knows what was learnt.
        None for files that have none, as those of schema 1.

        Raises:
            ModelFileError: The file has another one.
        """
        text = self._entries.get(WARM_KEY)
        if text is None or self._metadata.schema == OLDEST_SCHEMA:
            return None
        return read_warm(text, self._metadata)

    def initial_state(self, streams: int = 1) -> Array:
        """Returns the state of new streams: zeros, float32 (streams, state_size)."""
        return np.zeros((streams, self._metadata.state_size), np.float32)

    def step(self, x: Array, state: Array) -> StepOutput:
        """Scores the next steps of one or more streams.

        Calls longer than the file's `max_steps` are split; any split gives the same numbers.

        Args:
            x: Raw sensor units, then context columns, float32 (streams, steps, inputs), of at
                least one stream and one step. NaN or infinity means missing.
            state: `initial_state` or the `next_state` of the call before, float32 (streams,
                state_size). It is not changed.

        Returns:
            Outputs for every step, and the state after the last one.

        Raises:
            InputError: Wrong shapes or dtypes, nothing is converted silently; NaN or infinity in
                the state.
            ModelFileError: The file fails, or gives NaN or infinity.
        """
        if (
            x.dtype != _FLOAT32
            or state.dtype != _FLOAT32
            or x.shape[2:] != self._columns
            or not x.size
            or state.shape != (len(x), self._metadata.state_size)
            or (self._fixed is not None and self._fixed != x.shape[:2])
        ):
            self._check_call(x, state)
        # Not finite where any number is not, or where they are so large that the sum is not.
        if not isfinite(np.vdot(state, state)) and not np.isfinite(state).all():
            raise InputError(
                "`state` must be finite. Received: NaN or infinity. Start with "
                f"`initial_state({len(state)})` and feed `next_state` back."
            )
        chunk = self.fixed_steps or self._metadata.max_steps
        if x.shape[1] <= chunk:
            return self.call(x, state)
        return concatenated(self._calls(x, state, chunk), axis=1)

    def _calls(self, x: Array, state: Array, chunk: int) -> Iterator[StepOutput]:
        for start in range(0, x.shape[1], chunk):
            out = self.call(x[:, start : start + chunk], state)
            state = out.next_state
            yield out

    def call(self, x: Array, state: Array) -> StepOutput:
        """Runs the file once: `step` for callers who know that their arrays are right.

        Nothing that goes in is checked: shapes, dtypes, at most `max_steps` steps, at least one
        (ONNX Runtime ends the process for none), a finite state. What comes out is.

        Raises:
            ModelFileError: The file fails, or gives NaN or infinity.
        """
        run = self._run_single if x.shape[:2] == _SINGLE else self._run
        try:
            out = StepOutput(*run(self._outputs, {"x": x, "state": state}))
        except Exception as error:
            raise ModelFileError(
                f"{self._name} failed on x {x.shape}: {_first_line(error)}. "
                "Check the file with `python -m runtime verify`."
            ) from error
        # One NaN or infinity makes its product one: three sums are the quickest look at five
        # arrays. Numbers too large for a sum are looked at again.
        score, severity, channel_scores, expected, state = out
        if not (
            isfinite(np.vdot(score, severity))
            and isfinite(np.vdot(channel_scores, expected))
            and isfinite(np.vdot(state, state))
        ):
            self._check_finite(out)
        return out

    def _check_finite(self, out: StepOutput) -> None:
        wrong = [name for name, a in zip(OUTPUTS, out, strict=True) if not np.isfinite(a).all()]
        if wrong:
            raise ModelFileError(
                f"{self._name} must give finite numbers. Received: NaN or infinity in "
                f"{', '.join(wrong)}: the stream can no longer alarm. Start it anew, and check "
                "the file with `python -m runtime verify`."
            )

    def _check_call(self, x: Array, state: Array) -> None:
        meta = self._metadata
        if x.dtype != np.float32 or x.ndim != 3 or x.shape[2] != len(meta.inputs):
            names = ", ".join(column.name for column in meta.inputs)
            raise InputError(
                f"`x` must be float32 (streams, steps, {len(meta.inputs)}). "
                f"Received: {x.dtype} {x.shape}. Give one column for each of {names}."
            )
        streams, steps, _ = x.shape
        if not streams or not steps:
            raise InputError(
                "`x` must have at least one stream and one step. "
                f"Received: {x.dtype} {x.shape}. Leave out calls without rows."
            )
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

    def _check_tensors(self, session: Any, name: str) -> tuple[int | None, int | None]:
        meta = self._metadata
        wanted_shapes = shapes(
            inputs=len(meta.inputs), channels=len(meta.channels), state_size=meta.state_size
        )
        inputs, outputs = session.get_inputs(), session.get_outputs()
        names = [sorted(tensor.name for tensor in tensors) for tensors in (inputs, outputs)]
        if names != [sorted(INPUTS), sorted(OUTPUTS)]:
            found = ", ".join(name for group in names for name in group)
            raise ModelFileError(
                f"{name} must have the inputs {', '.join(INPUTS)} and the outputs "
                f"{', '.join(OUTPUTS)}. Received: {_printable(found[:200])}. Export it again."
            )
        fixed: dict[str, int] = {}
        for tensor in (*inputs, *outputs):
            shape = wanted_shapes[tensor.name]
            wrong = tensor.type != "tensor(float)" or len(tensor.shape) != len(shape)
            for wanted, found in zip(shape, tensor.shape, strict=False):
                if isinstance(wanted, str) and isinstance(found, int):
                    wrong |= found < 1 or fixed.setdefault(wanted, found) != found
                else:
                    wrong |= wanted != found
            if wrong:
                received = _printable(", ".join(map(str, tensor.shape))[:200])
                raise ModelFileError(
                    f"Tensor `{tensor.name}` of {name} must be tensor(float) "
                    f"({', '.join(map(str, shape))}). Received: {tensor.type} ({received}). "
                    "Export the detector again."
                )
        if fixed.get("steps", 1) > meta.max_steps:
            raise ModelFileError(
                f"{name} must be fixed to at most {meta.max_steps} steps, its max_steps. "
                f"Received: {fixed['steps']}. Export it again."
            )
        return fixed.get("streams"), fixed.get("steps")

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpickled, (type(self), *self._source, self._metadata.identity)

    def __repr__(self) -> str:
        return f"Detector({self._name!r}, {self._metadata.detector}, channels={self.channels})"


def step_path(path: Path) -> Path:
    """Returns where the step file of a detector file is."""
    return path.with_name(f"{path.stem}.step{path.suffix}")


def _unpickled(
    cls: type[Detector], model: Path | bytes, threads: int, streams: int | None, identity: str
) -> Detector:
    detector = cls(model, threads=threads, streams=streams)
    if detector.metadata.identity != identity:
        raise ModelFileError(
            f"{detector!r} must be the detector that was pickled, {identity[:12]}…. Received: "
            f"{detector.metadata.identity[:12]}…. Pickle it again."
        )
    return detector


def _checked_metadata(container: Container, name: str) -> Metadata:
    text = container.entries.get(METADATA_KEY)
    if text is None:
        raise ModelFileError(
            f"{name} must be a detector exported by kad. Received: an ONNX model "
            f"without the `{METADATA_KEY}` metadata. Export it with `python -m export RUN`."
        )
    metadata = Metadata.from_json(text)
    if metadata.schema != OLDEST_SCHEMA:
        check_seal(container.entries, name)
        if metadata.graph_sha256 != container.graph_sha256:
            raise ModelFileError(
                f"The graph of {name} must have the SHA-256 in its metadata, "
                f"{metadata.graph_sha256[:12]}…. Received: {container.graph_sha256[:12]}…. The "
                "file was damaged or changed: copy or export it again."
            )
    return metadata


def _check_number(name: str, value: object, most: int) -> None:
    if type(value) is not int or not 1 <= value <= most:
        raise InputError(
            f"`{name}` must be a whole number, at least 1 and at most {most}. Received: {value!r}."
        )


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or _first_line(error)
        raise ModelFileError(
            f"The detector file {path} cannot be read: {reason}. Check the path."
        ) from error
    if len(content) > FILE_BYTES:
        raise ModelFileError(
            f"The detector file {path} must have at most {FILE_BYTES} bytes. Received: more. It "
            "is something else, or has to be exported with smaller networks."
        )
    return content


def _open(content: bytes, name: str, threads: int, streams: int | None) -> Any:
    # Here and not at the top, so that reading metadata or timestamps costs no 0.1 s of import.
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _LOG_FATAL
    # Its other format has no such fields as were checked.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    if streams is not None:
        options.add_free_dimension_override_by_name("streams", streams)
    try:
        # The fallback would try again with the same provider, and print about it.
        return onnxruntime.InferenceSession(
            content, options, providers=["CPUExecutionProvider"], enable_fallback=False
        )
    except Exception as error:
        raise ModelFileError(
            f"{name} must be an ONNX file that this onnxruntime {onnxruntime.__version__} can "
            f"load. Received: {len(content)} bytes, {_first_line(error)}. The file is truncated, "
            "damaged or something else: copy or export it again."
        ) from error


def _first_line(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return _printable(text.splitlines()[0][:200]).rstrip(".")


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text)
