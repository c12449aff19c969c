"""Changes while the gateway runs: a configuration that is read again, a model that is swapped."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from runtime.errors import ConfigError, KadError
from runtime.gateway.config.options import ModelOptions
from runtime.gateway.config.read import Config, read_config
from runtime.gateway.config.traps import traps
from runtime.gateway.engine.settings import EngineSettings
from runtime.gateway.journal.meta import read_meta
from runtime.gateway.operate.families import Families
from runtime.gateway.operate.logs import Log
from runtime.gateway.operate.systemd import Notifier
from runtime.gateway.pipeline.gateway import Gateway
from runtime.gateway.pipeline.memory import META, Memory
from runtime.gateway.pipeline.setup import LoadedModels, load_models
from runtime.gateway.rules.commands import SwapCommand, swap_done

__all__ = ["Changes", "read", "said_of"]


def read(path: Path) -> Config:
    """Reads a configuration and refuses what would lose or repeat messages.

    Raises:
        KadError: It cannot be used.
    """
    config = read_config(path)
    wrong = [line.removeprefix("error: ") for line in traps(config) if line.startswith("error: ")]
    if wrong:
        raise ConfigError(wrong[0])
    return replace(config, models=_swapped(config))


def _swapped(config: Config) -> list[ModelOptions]:
    """Returns the models, with files that a command put in their place.

    Such a file holds as long as the configuration names the one that it took the place of.
    """
    found, _ = read_meta(config.gateway.state / META)
    files = found.swapped if found is not None else {}
    return [
        replace(model, file=Path(files[model.key][0]))
        if model.key in files and files[model.key][1] == str(model.file)
        else model
        for model in config.models
    ]


def said_of(models: LoadedModels, say: Log, families: Families) -> None:
    """Says which models are in use, and what there is to know of their thresholds."""
    for note in models.notes:
        say.info("budget", note)
    for key, detector in models.detectors.items():
        families.model_info.of(f"{key}:{detector.metadata.identity[:12]}").set(1)


class Changes:
    """Takes changes of a running gateway. For the main thread.

    Args:
        config: As it began.
        gateway: What runs.
        memory: Keeps swaps for the next life.
        anew: Takes a configuration that needs another life: this one is to end.
        notifier: Systemd.
        families: The metrics.
        say: The log.
    """

    def __init__(
        self,
        config: Config,
        gateway: Gateway,
        *,
        memory: Memory,
        anew: Callable[[Config], None],
        notifier: Notifier,
        families: Families,
        say: Log,
    ) -> None:
        self._config, self._gateway, self._memory = config, gateway, memory
        self._anew, self._notifier = anew, notifier
        self._families, self._say = families, say
        self._content = _content_of(config)

    def look(self) -> None:
        """Reads the configuration again, where it or a model's file has another content."""
        if _content_of(self._config) != self._content:
            self.reload()

    def reload(self) -> None:
        """Takes a changed configuration; one that cannot be used changes nothing."""
        if self._gateway.swapper.busy:
            return
        self._notifier.reloading()
        try:
            config = read(self._config.path)
            self._content = _content_of(config)
            if _apart(config) != _apart(self._config):
                self._say.info("reload", "The configuration has changed: the gateway begins anew.")
                self._anew(config)
            else:
                self._config = config
                self._gateway.swapper.take(lambda _: self._loaded(config))
                self._say.info("reload", "The configuration was read again.")
        except KadError as error:
            self._content = _content_of(self._config)
            self._families.reloads.of("refused").inc()
            self._say.error("reload", f"The last configuration stays: {error}")
        else:
            self._families.reloads.of("taken").inc()
        self._notifier.ready()

    def swap(self, command: SwapCommand) -> None:
        """Lets another file take a model's place, once it is verified and warm; answers twice."""
        config, controls = self._config, self._gateway.controls

        def refuse(text: str) -> None:
            controls.command({"id": command.id, "refused": text})

        options = next((model for model in config.models if model.key == command.model), None)
        if options is None or self._gateway.swapper.busy:
            known = ", ".join(model.key for model in config.models)
            refuse(
                f"A swap must name a model among {known}, while no other is under way. "
                f"Received: {command.model}."
            )
            return
        file = Path(command.file)
        models = [
            replace(model, file=file) if model.key == command.model else model
            for model in config.models
        ]
        changed = replace(config, models=models)
        identity = ""

        def make(_before: EngineSettings) -> EngineSettings:
            nonlocal identity
            settings = self._loaded(changed)
            identity = settings.models[command.model].identity
            return settings

        def then(trouble: str) -> None:
            if trouble:
                refuse(trouble)
                return
            self._memory.swap(command.model, file, options.file)
            self._config, self._content = changed, _content_of(changed)
            # Behind the settings: the engine says whether the model holds.
            controls.command(swap_done(command, identity))

        controls.command(command.to_json())
        self._gateway.swapper.take(make, then)

    def _loaded(self, config: Config) -> EngineSettings:
        """Loads and verifies the models of a configuration.

        Raises:
            KadError: One cannot be used.
        """
        models = load_models(config)
        self._check_same_columns(models)
        for model in config.models:
            self._gateway.models.keep(models.detectors[model.key], model.file)
        said_of(models, self._say, self._families)
        return models.settings

    def _check_same_columns(self, models: LoadedModels) -> None:
        for key, columns in self._gateway.columns.items():
            choice = next((one for one in models.choices if one.key == key), None)
            if choice is not None and choice.columns != columns:
                raise ConfigError(
                    f"Another model of {key} must have the channels {', '.join(columns)}. "
                    f"Received: {', '.join(choice.columns)}. Give it a [[model]] of its own."
                )


def _content_of(config: Config) -> str:
    """Returns what changes with the content of the configuration or a model's file."""
    digest = hashlib.sha256()
    for path in (config.path, *(model.file for model in config.models)):
        try:
            digest.update(path.read_bytes())
        except OSError:
            digest.update(b"missing")
    return digest.hexdigest()


def _apart(config: Config) -> Config:
    """Returns a configuration without what changes while the gateway runs.

    The names of the models and whom they score are the reader's, too.
    """
    models = [
        ModelOptions(file=Path(), key=m.key, streams=m.streams, running=m.running)
        for m in config.models
    ]
    return replace(config, models=models, floods=None)
