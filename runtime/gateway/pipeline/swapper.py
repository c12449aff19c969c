"""A new model: verified on this machine, warmed up beside the old one, handed to the engine."""

import threading
from collections.abc import Callable
from dataclasses import replace

from runtime.errors import InputError, KadError
from runtime.gateway.engine.engine import Engine
from runtime.gateway.engine.group import Group
from runtime.gateway.engine.settings import EngineSettings, ModelSettings
from runtime.gateway.engine.swap import History, warm_up
from runtime.gateway.journal.journal import Journal
from runtime.gateway.operate.families import Families
from runtime.gateway.operate.logs import Log
from runtime.gateway.pipeline.controls import Controls
from runtime.gateway.pipeline.library import Models

__all__ = ["Swapper"]

Make = Callable[[EngineSettings], EngineSettings]
Then = Callable[[str], None]


class Swapper:
    """Prepares settings with other models in a thread of its own, then lets them hold.

    Args:
        engine: Whose models they are.
        models: All detectors.
        journal: Where rows for the warm-up are; None: streams warm up anew.
        history: Reads it.
        controls: Where the settings go, to take effect at one record.
        families: The metrics.
        say: The log.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        models: Models,
        journal: Journal | None,
        history: History,
        controls: Controls,
        families: Families,
        say: Log,
    ) -> None:
        self._engine, self._models = engine, models
        self._journal, self._history = journal, history
        self._controls, self._families, self._say = controls, families, say
        self._thread: threading.Thread | None = None
        self._stopped = False

    @property
    def busy(self) -> bool:
        """Whether settings are being prepared."""
        return self._thread is not None and self._thread.is_alive()

    def take(self, make: Make, then: Then = lambda _: None) -> None:
        """Prepares other settings, and lets them hold; what fails is said, and nothing changes.

        Args:
            make: Returns them from those that hold: loads and verifies what is new, and raises
                KadError where it cannot be used.
            then: Is told the end, in the thread of the swapper: why nothing changed, or an empty
                text: they hold from one of the next records on.
        """
        self._thread = threading.Thread(target=self.prepare, args=(make, then), name="swapper")
        self._thread.daemon = True
        self._thread.start()

    def stop(self) -> None:
        """Gives up what is being prepared."""
        self._stopped = True

    def prepare(self, make: Make, then: Then = lambda _: None) -> None:
        """The same, at once: it has been done when this returns."""
        before = self._engine.settings
        try:
            settings = make(before)
            models = {}
            for key, one in settings.models.items():
                old = before.models.get(key)
                if old is None:
                    models[key] = one
                elif old.identity == one.identity:
                    models[key] = replace(one, warmed_from=old.warmed_from)
                else:
                    models[key] = self._warmed(key, one)
        except (KadError, InputError) as error:
            self._families.swaps.of("rolled_back").inc()
            text = f"The models stay as they are: {error}"
            self._say.error("swap", text)
            self._controls.note("swap", text)
            then(str(error))
            return
        made = replace(settings, models=models)
        if self._stopped:
            return
        if made.to_json() != before.to_json():
            self._controls.settings(made)
            self._families.swaps.of("taken").inc()
        then("")

    def _warmed(self, key: str, settings: ModelSettings) -> ModelSettings:
        """Warms a group up from the journal, beside the old one.

        Raises:
            KadError: The model does not work on the rows of this machine.
        """
        detector = self._models.get(settings.identity)
        if detector is None:
            raise InputError(f"The model {key} must be there. Received: {settings.identity[:12]}.")
        old = self._engine.groups.get(key)
        if self._journal is None or old is None or old.detector.channels != detector.channels:
            return settings
        made = replace(settings, warmed_from=self._journal.first)
        group = Group(key, detector, made)
        registry = dict(self._engine.registry)
        last = warm_up(
            group,
            self._history(made.warmed_from - 1, self._journal.last),
            registry,
            until=lambda: self._stopped,
        )
        self._engine.prepared[settings.identity] = (group, max(last, made.warmed_from - 1))
        self._say.info(
            "swap", f"A new model of {key} is verified and warm.", model=settings.identity[:12]
        )
        return made
