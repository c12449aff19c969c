"""Pictures of the VAE-LSTM's networks at work, for the report."""

from collections.abc import Sequence

import numpy as np

from kad.detector import TrainingSeries
from kad.detector.diagnostics import MOST_DRAWN, Curve, Diagnostic, DiagnosticPanel
from kad.networks.vae_lstm.networks import Networks


def reconstructions(
    networks: Networks, series: TrainingSeries, names: Sequence[str]
) -> list[Diagnostic]:
    """Draws windows of a series over their reconstructions; nothing where it has no window.

    Args:
        networks: The networks.
        series: The standardised series.
        names: Names of its channels.
    """
    starts = series.starts(networks.l_win)
    if not len(starts):
        return []
    shown = starts[np.linspace(0, len(starts) - 1, min(6, len(starts))).astype(int)]
    windows = series.values[shown[:, None] + np.arange(networks.l_win)]
    inverse = networks.scaler.inverse
    out = networks.in_batches(
        lambda x: {
            "given": inverse(x),
            "decoded": inverse(networks.decoder(networks.embed(x))),
        },
        windows,
    )
    given, decoded = out["given"], out["decoded"]
    return [
        Diagnostic(
            name="reconstructions",
            title="Windows and their reconstructions",
            note="The VAE squeezes a window into a few numbers and draws it again. Normal windows "
            "should be drawn well, without their noise; a fault is drawn badly. Later windows are "
            "to the right.",
            x_title="sample of the window",
            panels=tuple(
                DiagnosticPanel(
                    title="" if number else name,
                    x=np.arange(networks.l_win),
                    curves=(
                        Curve(name="window", y=given[number, :, i]),
                        Curve(name="reconstruction", y=decoded[number, :, i], role="expected"),
                    ),
                )
                for i, name in enumerate(names[:MOST_DRAWN])
                for number in range(len(shown))
            ),
            columns=len(shown),
            rows_share_y=True,
        )
    ]


def prior_samples(networks: Networks, names: Sequence[str]) -> Diagnostic:
    """Draws what the decoder makes of random embeddings.

    Args:
        networks: The networks.
        names: Names of the channels.
    """
    codes = np.random.default_rng(0).standard_normal((24, networks.code_size), dtype="float32")
    windows = networks.in_batches(
        lambda x: {"windows": networks.scaler.inverse(networks.decoder(x))}, codes
    )["windows"]
    return Diagnostic(
        name="prior-samples",
        title="Windows that the decoder makes up",
        note="Decoded from 24 random embeddings: what the VAE takes for normal. They should "
        "look like windows of the series.",
        x_title="sample of the window",
        panels=tuple(
            DiagnosticPanel(
                title=name,
                x=np.arange(networks.l_win),
                curves=tuple(
                    Curve(name="sample", y=window[:, i], is_faint=True) for window in windows
                ),
            )
            for i, name in enumerate(names[:MOST_DRAWN])
        ),
        columns=min(MOST_DRAWN, len(names)),
    )


def embedding_predictions(networks: Networks, series: TrainingSeries) -> list[Diagnostic]:
    """Draws embeddings over the LSTM's predictions; nothing where no sequence fits.

    Args:
        networks: The networks.
        series: The standardised series, of which the longest segment is drawn.
    """
    l_win, l_seq, code_size = networks.l_win, networks.l_seq, networks.code_size
    first, end = max(series.ranges, key=lambda rows: rows[1] - rows[0])
    windows = (end - first) // l_win
    if windows < l_seq:
        return []
    first = end - windows * l_win
    codes = networks.embed_rolling(series.values[first:end])[::l_win]
    sequences = np.lib.stride_tricks.sliding_window_view(codes[:-1], l_seq - 1, axis=0)
    predicted = networks.in_batches(
        lambda x: {"codes": networks.lstm(x)[:, -1]}, sequences.transpose(0, 2, 1)
    )["codes"]
    return [
        Diagnostic(
            name="embeddings",
            title="Embeddings and what the LSTM predicts of them",
            note="Each window's embedding, and the LSTM's prediction from the windows before "
            "it. Where the lines part, the order of the windows is unusual.",
            x_title=f"window of {l_win} samples",
            panels=tuple(
                DiagnosticPanel(
                    title=f"number {code + 1} of {code_size}",
                    x=np.arange(l_seq - 1, windows),
                    curves=(
                        Curve(name="embedding", y=codes[l_seq - 1 :, code]),
                        Curve(name="predicted", y=predicted[:, code], role="expected"),
                    ),
                )
                for code in range(min(code_size, 6))
            ),
            columns=min(code_size, 3),
        )
    ]
