"""Names of the streams of a batch, and their indices."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from runtime.errors import InputError, shown

__all__ = ["Names"]


class Names:
    """Names of streams, all different; an index is a place among them.

    Args:
        names: The names.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self.all = names
        """The names."""
        self.index = {name: index for index, name in enumerate(names)}
        """Of each name."""
        self.every = np.arange(len(names))
        """All indices, in order."""
        self._bytes = self.every.tobytes()

    def numbers(self, streams: Sequence[str] | npt.NDArray[np.integer]) -> npt.NDArray[np.intp]:
        """Returns indices; `every` itself where they are all in order. Never the caller's.

        Args:
            streams: Names, or indices in an integer array (rows,).

        Raises:
            InputError: An unknown stream, or anything else.
        """
        if isinstance(streams, np.ndarray) and streams.dtype.kind in "iu" and streams.ndim == 1:
            numbers = streams.astype(np.intp)
            if numbers.tobytes() == self._bytes:
                return self.every
        else:
            try:
                names = (streams,) if isinstance(streams, str) else tuple(streams)
                if names == self.all:
                    return self.every
                numbers = np.array([self.index[name] for name in names], np.intp)
            except (KeyError, TypeError, ValueError) as error:
                received = error.args[0] if isinstance(error, KeyError) else streams
                raise InputError(
                    f"Streams must be among the {len(self.all)} names of this batch, or "
                    f"indices in an integer array (rows,). Received: {shown(received)}."
                ) from error
        if len(numbers) and not 0 <= numbers.min() <= numbers.max() < len(self.all):
            raise InputError(
                f"Stream indices must be from 0 to {len(self.all) - 1}. "
                f"Received: {numbers.min()} to {numbers.max()}."
            )
        return numbers
