"""A whole gateway in this process, over toy ends and a golden detector."""

import threading
import time

from runtime.gateway.config.options import GatewayOptions, JournalOptions
from runtime.gateway.operate.clocks import Clocks
from runtime.gateway.operate.systemd import Notifier
from runtime.gateway.payloads.options import PayloadOptions
from runtime.gateway.pipeline.gateway import Gateway
from runtime.gateway.pipeline.kept import Kept
from runtime.gateway.pipeline.models import ModelChoice
from runtime.gateway.pipeline.setup import Setup
from toys.engines import Collected, detector, settings
from toys.golden import FOLDER
from toys.pipelines import Said, ToySink, families

PATIENCE_S = 60.0


class Log(Said):
    def flush(self, *, everything=False):
        """Has nothing to do."""


class Sink(ToySink):
    """Has all at once."""

    dropped = 0

    def write(self, outputs):
        super().write(outputs)
        self.acknowledged = outputs.sequence


class Whole:
    """A gateway that runs in a thread; at the end of the block it has ended.

    Args:
        folder: Its state.
        sources: They name their streams `device`.
        clocks: The wall clock.
        may_repeat: Whether the life before did not end well.
        options: Of its one model, `gaussian`.
    """

    def __init__(self, folder, *sources, clocks=None, may_repeat=False, **options):
        model = detector()
        self.sink, self.said, self.families = Sink(), Log(), families()
        self.kept = Kept.open(folder / "state", JournalOptions(snapshot_s=1.0), journal=True)
        payload = PayloadOptions(device="device", stream="{device}")
        self.gateway = Gateway(
            Setup(
                options=GatewayOptions(name="gw", tick_s=0.01),
                journal=JournalOptions(snapshot_s=1.0),
                settings=settings("gaussian", **options),
                detectors={"gaussian": model},
                files={"gaussian": FOLDER / "gaussian.onnx"},
                choices=[
                    ModelChoice(
                        key="gaussian",
                        patterns=["*"],
                        channels=model.channels,
                        period_s=model.metadata.period_s,
                    )
                ],
                pasts={},
                budgets={},
                sources=[(source, payload) for source in sources],
                sinks=[self.sink],
                is_durable=True,
                may_repeat=may_repeat,
            ),
            self.kept,
            say=self.said,
            families=self.families,
            clocks=clocks or Clocks(),
            notifier=Notifier(),
        )
        self._thread = threading.Thread(target=self.gateway.run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.gateway.stop()
        self._thread.join(PATIENCE_S)
        self.kept.close()
        assert not self._thread.is_alive()

    def until(self, condition):
        end = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < end, self.said.lines
            assert self._thread.is_alive(), self.said.lines
            time.sleep(0.005)

    @property
    def scores(self):
        """By stream and time."""
        found = Collected()
        for outputs in list(self.sink.written):
            found.add(outputs)
        return found.scores
