"""The order of merit: mean of the submitted totals, the call's own rule for ties, and how firm each rank is.

Pure functions on plain values: the same input, in any order, gives the same ranking. Nothing is drawn by lot.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from jury.scoring import CriterionSpec, rounded


@dataclass(frozen=True)
class Reading:
    """One submitted evaluation: its total out of 20 and its marks by criterion code (None: no opinion)."""

    total: Decimal
    marks: Mapping[str, int | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Candidate:
    """A dossier to be ranked. ``amount`` is the aid asked for, in euros; ``key`` identifies it."""

    key: str
    filed_at: datetime
    amount: Decimal
    readings: tuple[Reading, ...] = ()
    # Seats still awaited: the rank may move until they are in.
    awaited: int = 0
    # The code of its département, which tells the envelope that pays it; empty when it has none.
    place: str = ""


@dataclass(frozen=True)
class Ranked:
    """``rank`` from 1; ``lowest`` and ``highest`` are the best and worst rank if any single mark is dropped.

    ``mean`` is None where nobody has marked; such a dossier comes last and its range is unknown.
    """

    candidate: Candidate
    rank: int
    mean: Decimal | None
    spread: Decimal | None
    best: int | None
    worst: int | None
    eliminated_by: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return self.candidate.key


def tie_criteria(criteria: Sequence[CriterionSpec]) -> list[CriterionSpec]:
    """The two heaviest criteria of the grid, heaviest first: they decide equal means, before the date of filing."""
    return sorted(criteria, key=lambda criterion: -criterion.weight)[:2]


def tie_rule(criteria: Sequence[CriterionSpec]) -> str:
    """The rule for ties, in the words shown to everybody."""
    names = [f"la note moyenne sur « {criterion.label} »" for criterion in tie_criteria(criteria)]
    return f"À moyenne égale, l’ordre suit {', puis '.join([*names, 'la date de dépôt, la plus ancienne d’abord'])}."


def mean_of(totals: Sequence[Decimal]) -> Fraction | None:
    """Exact mean; None of nothing."""
    return sum((Fraction(total) for total in totals), Fraction(0)) / len(totals) if totals else None


def criterion_mean(candidate: Candidate, code: str) -> Fraction | None:
    """Mean of the marks given on one criterion; None when nobody gave an opinion."""
    marks = [mark for reading in candidate.readings if (mark := reading.marks.get(code)) is not None]
    return Fraction(sum(marks), len(marks)) if marks else None


def _eliminated_by(candidate: Candidate, criteria: Sequence[CriterionSpec]) -> tuple[str, ...]:
    found = []
    for criterion in criteria:
        mean = criterion_mean(candidate, criterion.code)
        if criterion.eliminatory_below is not None and mean is not None and mean < criterion.eliminatory_below:
            found.append(criterion.label)
    return tuple(found)


def rank(candidates: Iterable[Candidate], criteria: Sequence[CriterionSpec]) -> list[Ranked]:
    """Candidates in order of merit. Those below an eliminatory mark come after all others, those unmarked last."""
    deciding = [criterion.code for criterion in tie_criteria(criteria)]
    rows = []
    for candidate in candidates:
        mean = mean_of([reading.total for reading in candidate.readings])
        eliminated = _eliminated_by(candidate, criteria)
        group = 2 if mean is None else (1 if eliminated else 0)
        # No opinion on a deciding criterion is no advantage: it comes after any mark.
        ties = tuple(-(criterion_mean(candidate, code) or Fraction(0)) for code in deciding)
        order: tuple[Any, ...] = (group, -(mean or Fraction(0)), ties, candidate.filed_at, candidate.key)
        rows.append((order, candidate, mean, eliminated))
    rows.sort(key=lambda row: row[0])
    means: list[list[Fraction]] = [[], [], []]
    for order, _, mean, _ in rows:
        means[order[0]].append(-(mean or Fraction(0)))
    return [
        _ranked(position, order[0], candidate, mean, eliminated, means)
        for position, (order, candidate, mean, eliminated) in enumerate(rows, start=1)
    ]


def _ranked(
    position: int,
    group: int,
    candidate: Candidate,
    mean: Fraction | None,
    eliminated: tuple[str, ...],
    means: list[list[Fraction]],
) -> Ranked:
    totals = [reading.total for reading in candidate.readings]
    best, worst = _range(position, group, totals, means) if mean is not None else (None, None)
    return Ranked(
        candidate=candidate,
        rank=position,
        mean=None if mean is None else rounded(mean),
        spread=max(totals) - min(totals) if len(totals) > 1 else None,
        best=best,
        worst=worst,
        eliminated_by=eliminated,
    )


def _range(
    position: int, group: int, totals: list[Decimal], means: list[list[Fraction]]
) -> tuple[int, int] | tuple[None, None]:
    """Ranks the dossier would take if one of its marks were dropped; unknown with a single mark."""
    if len(totals) < 2:
        return None, None
    before = sum(len(means[other]) for other in range(group))
    others = means[group]
    own = position - before - 1
    best = worst = position
    for dropped in range(len(totals)):
        without = mean_of(totals[:dropped] + totals[dropped + 1 :])
        assert without is not None
        # The dossier's own mean stands in the list at ``own``: it does not count against itself.
        ahead = bisect_left(others, -without)
        level = bisect_right(others, -without)
        ahead -= 1 if own < ahead else 0
        level -= 1 if own < level else 0
        best = min(best, before + ahead + 1)
        worst = max(worst, before + level + 1)
    return best, worst


def uncertain(ranked: Sequence[Ranked], cut: int) -> set[str]:
    """Keys of the dossiers that one mark may carry over the cut line (``cut`` dossiers stand above it).

    They are the agenda; so are those with fewer than two marks, with a mark still awaited, or set aside by an
    eliminatory criterion, which people must look at.
    """
    keys = set()
    for row in ranked:
        unsure = row.best is None or row.worst is None or row.candidate.awaited > 0 or bool(row.eliminated_by)
        if unsure or (row.best or 0) <= cut < (row.worst or 0):
            keys.add(row.key)
    return keys
