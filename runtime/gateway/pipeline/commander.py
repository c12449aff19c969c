"""Commands of operators: from MQTT, the page and the state folder into the journal."""

import json
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from runtime.errors import InputError
from runtime.files import write_atomically
from runtime.gateway.operate.logs import Log
from runtime.gateway.pipeline.controls import Controls
from runtime.gateway.protocols import Client
from runtime.gateway.rules.command_json import id_of, parse_command
from runtime.gateway.rules.commands import AnyCommand, MuteCommand, SwapCommand, UnmuteCommand

__all__ = ["ANSWERS", "COMMANDS", "Commander"]

COMMANDS, ANSWERS = "commands", "answers"
"""Folders in the state folder, of JSON files."""
_MOST_FILES, _MOST_MESSAGES = 100, 100
_MOST_BYTES = 65_536
_KEPT_S = 86_400.0
_FOREVER = -1


class Commander:
    """Takes commands, each an entry of the journal with its time and origin.

    Args:
        folder: The state folder; None: commands do not come by files.
        client: An MQTT client that is subscribed to the topic of commands; None: there is none.
        controls: Where commands go.
        swap: Takes a command to swap a model: it is verified first, which takes its time.
        clock_is_set: Whether the wall clock can be believed.
        say: The log.
    """

    def __init__(
        self,
        *,
        folder: Path | None,
        client: Client | None,
        controls: Controls,
        swap: Callable[[SwapCommand], None],
        clock_is_set: Callable[[], bool],
        say: Log,
    ) -> None:
        self._folder, self._client = folder, client
        self._controls, self._swap = controls, swap
        self._clock_is_set, self._say = clock_is_set, say
        if folder is not None:
            for name in (COMMANDS, ANSWERS):
                (folder / name).mkdir(parents=True, exist_ok=True)

    def look(self) -> None:
        """Takes what has come; to be called about once a second."""
        if self._folder is not None:
            self._look_at_files(self._folder)
        if self._client is not None:
            messages = self._client.receive(_MOST_MESSAGES, 0.0)
            for message in messages:
                if message.retained:
                    # Whoever publishes a command retained would repeat it at each connection.
                    self._say.warning("command", "A retained command was not taken.")
                else:
                    self.take(message.payload, origin=f"mqtt {message.topic}")
            if messages:
                self._client.ack(messages)

    def take(self, document: bytes, *, origin: str) -> None:
        """Takes a command as JSON; what cannot be done is answered so."""
        try:
            command = parse_command(
                document,
                origin=origin,
                time_ns=time.time_ns(),
                clock_is_set=self._clock_is_set(),
            )
        except InputError as error:
            self._say.warning("command", f"A command cannot be done: {error}", origin=origin)
            self._controls.command({"id": id_of(document), "refused": str(error)})
            return
        self._give(command)

    def mute(self, stream: str, channel: str | None, until_ns: int | None, origin: str) -> None:
        """Mutes a stream or a channel, or lifts the mute, as the page asks for; see `Status.mute`.

        Raises:
            InputError: It cannot be.
        """
        now = time.time_ns()
        common = {"id": f"page-{now}", "origin": origin, "time_ns": now, "streams": stream}
        if until_ns is None:
            self._give(UnmuteCommand(**common, channel=channel or ""))  # type: ignore[arg-type]
            return
        rest_s = None if until_ns == _FOREVER else (until_ns - now) / 1e9
        self._give(
            MuteCommand(
                **common,  # type: ignore[arg-type]
                channel=channel or "",
                rest_s=rest_s,
                until_ns=None if rest_s is None else until_ns,
            )
        )

    def answer(self, answers: Sequence[tuple[str, str]]) -> None:
        """Writes answers for those who asked by files."""
        for name, answer in answers:
            if self._folder is None or not name.startswith("file-"):
                continue
            with suppress(InputError):
                write_atomically(self._folder / ANSWERS / f"{_safe(name)}.json", answer)

    def close(self) -> None:
        """Ends its client."""
        if self._client is not None:
            self._client.close(0.5)

    def _give(self, command: AnyCommand) -> None:
        self._say.info("command", f"Taken: {command.word}.", origin=command.origin, id=command.id)
        if isinstance(command, SwapCommand):
            self._swap(command)
        else:
            self._controls.command(command.to_json())

    def _look_at_files(self, folder: Path) -> None:
        files = sorted((folder / COMMANDS).glob("*.json"))[:_MOST_FILES]
        for path in files:
            try:
                owner = path.owner()
            except (OSError, KeyError):
                owner = "?"
            try:
                with path.open("rb") as file:
                    document = file.read(_MOST_BYTES + 1)
                path.unlink()
            except OSError as error:
                self._say.error("command", f"{path.name} cannot be taken: {error.strerror}.")
                continue
            self.take(_named(document, path.stem), origin=f"file {owner}")
        if files:
            self._clean(folder)

    def _clean(self, folder: Path) -> None:
        """Removes answers that nobody has read for a day."""
        with os.scandir(folder / ANSWERS) as entries:
            old = [e.path for e in entries if time.time() - e.stat().st_mtime > _KEPT_S]
        for path in old:
            Path(path).unlink(missing_ok=True)


def _named(document: bytes, stem: str) -> bytes:
    """Gives a command the id of its file: the answer's name."""
    try:
        raw = json.loads(document)
    except ValueError:
        return document
    if not isinstance(raw, dict):
        return document
    return json.dumps({**raw, "id": f"file-{stem}"}).encode()


def _safe(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name)[:200]
