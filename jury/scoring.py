"""From the marks of one evaluation to a total out of 20. A criterion without opinion is never a zero."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

OUT_OF = 20
CENT = Decimal("0.01")


@dataclass(frozen=True)
class CriterionSpec:
    """What a total needs to know of a criterion of the grid."""

    code: str
    label: str
    weight: int
    eliminatory_below: int | None = None


@dataclass(frozen=True)
class Total:
    """``value`` out of 20; ``unmarked_share`` is the share of the weights left without opinion, from 0 to 1."""

    value: Decimal
    unmarked_share: Decimal


def rounded(value: Fraction) -> Decimal:
    """Two decimals, halves upwards, from an exact fraction."""
    return (Decimal(value.numerator) / Decimal(value.denominator)).quantize(CENT, rounding=ROUND_HALF_UP)


def total_of(criteria: Sequence[CriterionSpec], marks: Mapping[str, int | None], maximum: int) -> Total | None:
    """The total out of 20, weights renormalised over the criteria marked; None when nothing is marked."""
    weights = sum(criterion.weight for criterion in criteria)
    marked = [(criterion.weight, mark) for criterion in criteria if (mark := marks.get(criterion.code)) is not None]
    base = sum(weight for weight, _ in marked)
    if not base:
        return None
    points = Fraction(sum(weight * mark for weight, mark in marked), base * maximum) * OUT_OF
    return Total(value=rounded(points), unmarked_share=rounded(Fraction(weights - base, weights)))
