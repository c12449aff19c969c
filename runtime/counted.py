"""Counts in words: `1 row`, `2 rows`."""

__all__ = ["counted", "noun"]


def counted(count: int, one: str, many: str | None = None) -> str:
    """Returns a count and what is counted: `1 row`, `0 rows`, `2 cells are words`.

    Args:
        count: How many.
        one: What one of them is called, perhaps with a verb: `cell is a word`.
        many: What others than one are called; where not given, `one` with an s.
    """
    return f"{count} {noun(count, one, many)}"


def noun(count: float, one: str, many: str | None = None) -> str:
    """Returns what is counted alone, for a count that is written otherwise; see `counted`."""
    return one if count == 1 else many or f"{one}s"
