"""What detectors cost, and whether backends agree."""

from collections.abc import Iterable
from typing import Any

import pandas as pd

from benchmarks.page.markdown import figure, section, table


@section("What a sample costs", scoring_detectors="python -m benchmarks scoring",
         scoring="python -m benchmarks scoring",
         predictor_scoring="python -m benchmarks predictor")  # fmt: skip
def samples(
    detectors: pd.DataFrame, vae_lstm: pd.DataFrame, predictor: pd.DataFrame
) -> Iterable[str]:
    """Microseconds of every detector, and two beside what they cannot do without."""
    shapes = ("1x1", "64x1", "256x1", "1x512")
    names = ("state_size", *(f"us_{shape}" for shape in shapes), "onnx_kb")
    rows = []
    for detector, cases in detectors.groupby("detector", sort=False):
        by_channels = cases.sort_values("channels")
        rows.append((detector, *(" / ".join(map(figure, by_channels[name])) for name in names)))
    for of, results in (("VAE-LSTM", vae_lstm), ("RNN predictor", predictor)):
        numbers = results[results["steps"].astype(str).str.isdigit()]
        for model, cases in numbers.groupby("model", sort=False):
            by = {f"{row['streams']}x{row['steps']}": row for _, row in cases.iterrows()}
            cells = [_beside(by[shape]) if shape in by else "" for shape in shapes]
            rows.append((f"{of}, {model}", "", *cells, ""))
    spans = (f"({shape.replace('x', ', ')})" for shape in shapes)
    return (
        (
            "`python -m benchmarks scoring`: the exported file, one thread, µs a sample by "
            "(streams, steps), with one channel / with eight. Below, by `scoring` and `predictor`, "
            "with the share in brackets that numpy needs for the matrix products alone; the "
            "original's loop is in PyTorch."
        ),
        table(("detector", "state, numbers", *spans, "file, kB"), rows),
    )


def _beside(row: "pd.Series[float]") -> str:
    share = row["share_of_products"]
    return f"{row['us_per_sample']:g}" + ("" if pd.isna(share) else f" ({share:g})")


@section("A single step", single_step="python -m benchmarks single_step",
         engines="python -m benchmarks engines")  # fmt: skip
def single_step(steps: pd.DataFrame, engines: pd.DataFrame) -> Iterable[str]:
    """Kernels and ratios of one row of one stream, and step files in other engines."""
    kinds = ("kernels", "kernels_fixed", "kernels_step_file")
    ratios = ("step_by_river", "added_by_river", "step_64_by_river", "step_256_by_river")
    rows = []
    for case in steps.to_dict("records"):
        counts = " / ".join(_count(case.get(kind)) for kind in kinds)
        spread = [_ratio(case.get(f"push_by_river{end}")) for end in ("", "_low", "_high")]
        push = "{} ({} to {})".format(*spread) if spread[0] else ""
        cells = [*(_ratio(case.get(name)) for name in ratios), _ratio(case.get("silero_by_step"))]
        rows.append((case["detector"], case["channels"], counts, push, *cells))
    elsewhere = []
    for (detector, channels), cases in engines.groupby(["detector", "channels"], sort=False):
        by_engine = cases.set_index("engine")
        elsewhere.append((detector, channels, *(_elsewhere(by_engine, e) for e in ENGINES)))
    return (
        (
            "`python -m benchmarks single_step`: one stream, one row, one thread. Kernels of a run "
            "with free dimensions / both overridden / of the step file, – without one; times "
            "÷ River's HalfSpaceTrees (score and learn) in the same rounds: `Stream.push` with "
            "`EventDetector.update` (quartiles over rounds), `Detector.step` alone, what push and "
            "events add to it, and a sample of 64 and of 256 streams; silero-vad's step ÷ ours. "
            f"{steps['versions'].iloc[0]}."
        ),
        table(
            (
                *("detector", "channels", "kernels", "push + events", "step", "added"),
                *("64 streams", "256 streams", "silero-vad ÷ step"),
            ),
            rows,
        ),
        (
            "`python -m benchmarks engines`: files of one stream and one step. Time ÷ ONNX "
            "Runtime's in the same rounds, largest relative gap of outputs and of the state over "
            "500 steps with the engine's own state fed back. `onnx` is the reference "
            "implementation."
        ),
        table(("detector", "channels", "onnxruntime, µs", *ENGINES[1:]), elsewhere),
    )


ENGINES = ("onnxruntime", "openvino", "tract", "onnx")


def _count(value: Any) -> str:
    return "–" if value is None or pd.isna(value) else f"{value:.0f}"


def _ratio(value: Any) -> str:
    return "" if value is None or pd.isna(value) else f"{value:.3g}"


def _elsewhere(cases: pd.DataFrame, engine: str) -> str:
    if engine not in cases.index:
        return ""
    row = cases.loc[engine]
    if pd.isna(row["us"]):
        return "fails"
    if engine == ENGINES[0]:
        return f"{row['us']:.0f}"
    return f"{row['by_onnxruntime']:.2g}, {row['gap']:.0e}, {row['gap_state']:.0e}"


@section("What training costs", training="python -m benchmarks training",
         predictor_training="python -m benchmarks predictor")  # fmt: skip
def training(vae_lstm: pd.DataFrame, predictor: pd.DataFrame) -> Iterable[str]:
    """Seconds per epoch by backend."""
    by_part = {
        f"{row.backend} {row.epoch_s:g} ({row.plain_keras_epoch_s:g})": row.part
        for row in vae_lstm.itertuples()
    }
    vae, lstm = (
        ", ".join(text for text, part in by_part.items() if part == wanted)
        for wanted in ("vae", "lstm")
    )
    rnn = ", ".join(f"{row.backend} {row.epoch_s:g}" for row in predictor.itertuples())
    return (
        (
            "Seconds per epoch on nyc_taxi.\n\n"
            "- `python -m benchmarks training`, in brackets the same network in plain Keras: VAE "
            f"{vae}; LSTM {lstm}.\n"
            f"- `python -m benchmarks predictor`, beside the original's loop in PyTorch: {rnn}. "
            "Torch was measured beside other jobs; alone it takes 1.9."
        ),
    )


@section("Cells of the RNN predictor", cells_training="python -m benchmarks cells",
         cells_scoring="python -m benchmarks cells")  # fmt: skip
def cells(training: pd.DataFrame, scoring: pd.DataFrame) -> Iterable[str]:
    """Training and scoring of every cell beside the LSTM."""
    names = list(training["cell"].unique())
    rows = [
        (f"epoch, {losses} losses: {backend}", *_by_cell(cases, "epoch_s", names))
        for (losses, backend), cases in training.groupby(["losses", "backend"], sort=False)
    ]
    rows += [
        (f"sample, {head}: ({streams}, {steps})", *_by_cell(cases, "us_per_sample", names))
        for (head, streams, steps), cases in scoring.groupby(
            ["head", "streams", "steps"], sort=False
        )
    ]
    return (
        (
            "`python -m benchmarks cells`, one thread, CPU time: seconds per epoch on nyc_taxi, µs "
            "a sample of the exported files by (streams, steps), single steps with a step file; in "
            "brackets as a multiple of the LSTM's in the same rounds."
        ),
        table(("", *names), rows),
    )


def _by_cell(cases: pd.DataFrame, column: str, names: list[str]) -> list[str]:
    by = cases.set_index("cell")
    shown = by.loc[names, [column, "by_lstm"]].to_numpy("float64")
    return [f"{value:.3g} ({ratio:.2f})" for value, ratio in shown]


@section("Many channels", memory_wide="python -m benchmarks memory")
def channels(wide: pd.DataFrame) -> Iterable[str]:
    """Peak memory of every step, by detector and channels."""
    numbers = sorted(wide["channels"].unique())
    rows = []
    for detector, cases in wide.groupby("detector", sort=True):
        by = {number: _peaks(cases[cases["channels"] == number]) for number in numbers}
        peaks = (f"of {number} {text}" for number, text in by.items() if text)
        rows.append(f"**{detector}** {' / '.join(peaks)}")
    length = int(wide["rows"].iloc[0])
    return (
        (
            f"`python -m benchmarks memory`: {length:,} rows, the preset for the number of "
            "channels, one epoch. Peak MB of training, export and scoring, each a process with its "
            "libraries; in brackets what `Detector.memory_needed` says beforehand."
        ),
        "; ".join(rows) + ".",
    )


def _peaks(cases: pd.DataFrame) -> str:
    by = {case["what"]: case for case in cases.to_dict("records")}
    return ", ".join(
        f"{_peak(by[what])} ({by[what]['estimated_mb']:.0f})"
        for what in ("train", "export", "score")
        if what in by
    )


def _peak(case: dict[Any, Any]) -> str:
    """Writes a peak, and why a step was refused or stopped."""
    peak = "" if pd.isna(case["peak_mb"]) else f"{case['peak_mb']:.0f}"
    refused = case.get("refused")
    return peak if refused is None or pd.isna(refused) else f"{peak} {refused}".strip()


def _read_speeds(reading: pd.DataFrame) -> str:
    pairs = zip(reading["table"], reading["read_rows_s"], strict=True)
    shown = ", ".join(f"{rows / 1e3:.0f},000 ({table})" for table, rows in pairs)
    share = reading["read_share"].max()
    return (
        f"rows of three channels read in a second: {shown}; at most {share:.0%} of the time of "
        "reading, scoring with the moving Gaussian and writing"
    )


@section("Room, memory, reports, parity", footprint="python -m benchmarks footprint",
         memory="python -m benchmarks memory", report="python -m benchmarks report",
         parity="python -m benchmarks parity", reading="python -m benchmarks reading")  # fmt: skip
def rest(
    footprint: pd.DataFrame,
    memory: pd.DataFrame,
    report: pd.DataFrame,
    parity: pd.DataFrame,
    reading: pd.DataFrame,
) -> Iterable[str]:
    """One figure or two of everything else."""
    size = dict(zip(footprint["what"], footprint["value"], strict=True))
    trained = memory[memory["peak_mb_above_idle"].notna()].iloc[-1]
    scored = memory[memory["peak_mb"].notna()]
    peaks = " and ".join(f"{r.peak_mb:.0f} MB for {r.rows:,} rows" for r in scored.itertuples())
    gap = f"{parity.drop(columns=['detector', 'backend']).to_numpy().max():.1e}"
    longest = report.iloc[-1]
    return (
        (
            f"- `python -m benchmarks footprint`: a gateway's installation is "
            f"{size['installed, MB']} MB, kad's wheel {size['wheel, kB']} kB; `import runtime` "
            f"takes {size['import runtime, s']} s and {size['RSS after import, MB']} MB, "
            f"{size['RSS with a detector, MB']} MB with a detector.\n"
            f"- `python -m benchmarks memory`: `runtime score` peaks at {peaks}; training on "
            f"{trained['rows']:,} rows at {trained['peak_mb_above_idle']:.0f} MB above idle.\n"
            f"- `python -m benchmarks reading`: {_read_speeds(reading)}.\n"
            f"- `python -m benchmarks parity`: backends and ONNX agree within "
            f"{gap.replace('e-0', 'e-')} relative on every output, NaN and inf in the input.\n"
            f"- `python -m benchmarks report`: {longest['rows']:,.0f} rows of three channels are a "
            f"page of {longest['page_mb']:.1f} MB, written in {longest['seconds_to_write']:.1f} s "
            f"and loaded by Chromium in {longest['seconds_to_load']:.1f} s; a move of the slider "
            f"takes {longest['ms_to_redraw']:.0f} ms, at most "
            f"{longest['ms_to_redraw_at_most']:.0f}, the first zoom "
            f"{longest['ms_to_zoom_first']:.0f}, the next {longest['ms_to_zoom']:.0f}."
        ),
    )
