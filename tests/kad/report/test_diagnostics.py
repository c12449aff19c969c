"""Pictures of the networks at work."""

import numpy as np

from toys.pages import NAMES, figures_of, page_of, series
from toys.series import ten_minutes, wave


class TestDiagnostics:
    def test_vae_lstm(self, run):
        """Reconstructions are the networks' own, embeddings meet the LSTM's predictions."""
        detector, frame = run.detector, series()[:300]
        reconstructions, samples, embeddings = detector.diagnostics(frame)
        assert reconstructions.columns == 6
        assert len(reconstructions.panels) == 6 * len(NAMES)
        first = reconstructions.panels[0]
        parts = detector.components()
        windows = np.stack([reconstructions.panels[i].curves[0].y for i in (0, 6)], axis=-1)
        assert np.allclose(windows, frame[NAMES].to_numpy()[: detector.l_win], rtol=1e-5)
        mean = parts["encoder"].function(windows[None].astype("float32"))["mean"]
        decoded = np.asarray(parts["decoder"].function(mean)["windows"])[0]
        assert first.curves[1].role == "expected"
        assert np.allclose(first.curves[1].y, decoded[:, 0], rtol=1e-4)
        assert [len(panel.curves) for panel in samples.panels] == [24, 24]
        assert len(embeddings.panels) == detector.code_size
        known, predicted = (curve.y for curve in embeddings.panels[0].curves)
        assert len(known) == len(predicted) == 300 // detector.l_win - detector.l_seq + 1
        codes = [panel.curves[0].y for panel in embeddings.panels]
        sequence = np.stack(codes, axis=-1)[None, : detector.l_seq - 1]
        following = np.asarray(parts["lstm"].function(sequence)["predicted"])[0, -1]
        drawn = [panel.curves[1].y[detector.l_seq - 1] for panel in embeddings.panels]
        assert np.allclose(drawn, following, rtol=1e-4, atol=1e-5)

    def test_rnn(self, rnn_run):
        """The lines are the detector's predictions."""
        frame = ten_minutes()[:200]
        (picture,) = rnn_run.detector.diagnostics(frame)
        table = rnn_run.detector.predictions(frame)
        for panel in picture.panels:
            lines = {curve.role: curve.y for curve in panel.curves}
            for role, prefix in (("expected", "one_step_"), ("second", "n_step_"),
                                 ("third", "mean_"), ("measured", "")):  # fmt: skip
                expected = table[f"{prefix}{panel.title}"].to_numpy()
                assert np.array_equal(lines[role], expected, equal_nan=True)

    def test_a_short_stretch(self, run):
        """Too few rows for a window or a sequence leave their pictures out."""
        names = [picture.name for picture in run.detector.diagnostics(series()[:3])]
        assert names == ["prior-samples"]
        names = [picture.name for picture in run.detector.diagnostics(series()[:8])]
        assert names == ["reconstructions", "prior-samples"]

    def test_none(self):
        """A detector brings no pictures unless it says so."""
        from kad.detectors.gaussian import MovingGaussian

        assert MovingGaussian(["a"]).diagnostics(wave(channels=1)) == []

    def test_on_the_page(self, page):
        """Every picture has its chart and its words."""
        text = page_of(page)
        for name in ("reconstructions", "prior-samples", "embeddings"):
            assert name in figures_of(text)
            assert f'id="chart-{name}"' in text
