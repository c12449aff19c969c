"""Which scoring options would halves of NAB choose? From kept error streams, not from the file."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from benchmarks.detection.nab_corpus import (
    POLICIES,
    POLICY,
    Sweep,
    cross_half,
    files,
    grid_of,
    halves,
    transferred,
)
from benchmarks.detection.rescoring import RECIPES, Rescorer
from benchmarks.protocol.cases import Scored
from kad.metrics import NAB_PROFILES

Corpus = list[np.ndarray]
"""Scores of each file."""


def chosen_recipes(
    scored: Sequence[Scored | None], console: Console
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Lets each half choose scoring options, then policy and threshold.

    Args:
        scored: Of each file; without the error streams of all there is nothing to choose.
        console: For progress.

    Returns:
        The rows of `nab.csv`, and those of `nab_recipes.csv`: what each recipe gives.
    """
    kept = [one for one in scored if one is not None and one.streams]
    if not kept or len(kept) < len(files()):
        return [], []
    corpora = list(_rescored(kept, console))
    sweeps = [Sweep.of(scores, POLICY, grid_of(scores)) for scores in corpora]
    return _by_halves(corpora, sweeps), _table(sweeps)


def _rescored(kept: list[Scored], console: Console) -> Iterator[Corpus]:
    from kad.graph.scoring import ErrorStream

    streams = [ErrorStream(*stream) for stream in kept[0].info["error_streams"]]
    for recipe in track(RECIPES, "scoring options", console=console):
        rescorer = Rescorer(1, streams, recipe)
        yield [
            rescorer.score(scored.streams, file.probation).astype("float64")
            for file, scored in zip(files(), kept, strict=True)
        ]


def _by_halves(corpora: list[Corpus], sweeps: list[Sweep]) -> list[dict[str, Any]]:
    """A half chooses the recipe by its best threshold under the usual policy, then the rest."""
    by_policy: dict[int, list[Sweep]] = {}

    def score(profile: str, here: np.ndarray, there: np.ndarray) -> float:
        best = [sweep.score(profile, sweep.best(profile, there), there) for sweep in sweeps]
        number = int(np.argmax(best))
        if number not in by_policy:
            scores, grid = corpora[number], grid_of(corpora[number])
            by_policy[number] = [Sweep.of(scores, policy, grid) for policy in POLICIES.values()]
        return transferred(by_policy[number], profile, here, there)

    rows = []
    for profile in NAB_PROFILES:
        first, second = (score(profile, *pair) for pair in (halves(), halves()[::-1]))
        rows.append(
            {
                "test": "cross-half, all",
                "profile": profile,
                "value": (first + second) / 2,
                "first_half": first,
                "second_half": second,
            }
        )
    return rows


def _table(sweeps: list[Sweep]) -> list[dict[str, Any]]:
    return [
        {
            **recipe._asdict(),
            "profile": profile,
            "in_sample": sweep.score(profile, sweep.best(profile)),
            "cross_half": sum(cross_half([sweep], profile)) / 2,
        }
        for recipe, sweep in zip(RECIPES, sweeps, strict=True)
        for profile in NAB_PROFILES
    ]
