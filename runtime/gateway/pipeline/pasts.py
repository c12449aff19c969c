"""The past of a new stream: rows of a history file, from which it learns before it is scored."""

from collections import deque
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from runtime.counted import counted
from runtime.errors import InputError
from runtime.gateway.operate.logs import Log
from runtime.gateway.records import NewStream, Rows
from runtime.model.schema import Metadata
from runtime.tables.opened import open_table
from runtime.tables.reader import TableReader
from runtime.tables.reading import learnt_reading

__all__ = ["Pasts"]

_MOST_ROWS = 20_000
"""The last rows of a file, so many at most."""


class Pasts:
    """Finds and reads history files.

    Args:
        templates: Path of the file of a stream, with `{stream}`, by model; `/` in a stream's name
            are folders.
        metadata: Of the models, by key.
        extras: How many columns rows have beside the channels, by model.
        say: The log.
    """

    def __init__(
        self,
        templates: Mapping[str, str],
        *,
        metadata: Mapping[str, Metadata],
        extras: Mapping[str, int],
        say: Log,
    ) -> None:
        self._templates, self._metadata, self._extras = templates, metadata, extras
        self._say = say

    def of(self, stream: NewStream) -> Rows | None:
        """Returns the past of a stream; None: there is no file, or none that can be read."""
        template = self._templates.get(stream.model)
        if template is None or ".." in stream.name.split("/") or stream.name.startswith("/"):
            return None
        path = Path(template.replace("{stream}", stream.name))
        if not path.is_file():
            return None
        meta = self._metadata[stream.model]
        try:
            rows = self._read(path, stream, meta)
        except (InputError, OSError) as error:
            self._say.warning("history", f"{stream.name} begins without its past: {error}")
            return None
        self._say.info(
            "history", f"{stream.name} has read {counted(len(rows), 'row')} of its past."
        )
        return rows

    def _read(self, path: Path, stream: NewStream, meta: Metadata) -> Rows:
        blocks: deque[tuple[np.ndarray, np.ndarray]] = deque()
        count = 0
        with open_table(path) as file:
            reader = TableReader(
                file,
                meta.channels,
                period_s=meta.period_s,
                learnt=learnt_reading(meta.training),
                name=str(path),
                numbered=meta.grid == "rows",
            )
            for block in reader:
                times, values = block[0], block[1]
                blocks.append((times, values))
                count += len(times)
                while count - len(blocks[0][0]) >= _MOST_ROWS:
                    count -= len(blocks.popleft()[0])
        columns = len(meta.channels)
        times_ns = np.concatenate([np.empty(0, np.int64), *(block[0] for block in blocks)])
        values = np.concatenate([np.empty((0, columns)), *(block[1] for block in blocks)])
        times_ns, values = times_ns[-_MOST_ROWS:], values[-_MOST_ROWS:]
        more = np.full((len(values), self._extras[stream.model]), np.nan)
        with np.errstate(over="ignore"):
            whole = np.concatenate([values, more], axis=1).astype(np.float32)
        return Rows(
            model=stream.model,
            streams=np.full(len(times_ns), stream.number, np.int32),
            times_ns=times_ns.astype(np.int64),
            values=whole,
            quality=np.zeros(len(times_ns), np.uint16),
        )
