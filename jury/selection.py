"""Which dossiers the envelope can carry: a rule in two passes that a jury replays by hand, and its referee.

First pass: the floors, by merit. Second pass: general merit. Amounts are euros. The referee (an exact optimum)
proves that the floors hold together and says what each of them costs; it never decides.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import combinations

SKIP = "skip"
STOP = "stop"
NOTHING = Decimal(0)

# What is done without a floor, which is never more than an essay: the page that tries one says that it comes first.
RULES = {
    SKIP: (
        "Les dossiers sont pris dans l’ordre du classement. Un dossier dont le montant dépasse ce qui reste est passé, "
        "et l’on continue avec le suivant."
    ),
    STOP: (
        "Les dossiers sont pris dans l’ordre du classement, en s’arrêtant au premier dont le montant dépasse ce qui reste."
    ),
}


@dataclass(frozen=True)
class Item:
    """A dossier in order of merit; ``mean`` out of 20, ``amount`` in euros; ``purse`` names the envelope that pays it."""

    key: str
    mean: Decimal
    amount: Decimal
    purse: str = ""


# What may be spent, in euros: a sum for all, or one for each purse.
Available = Decimal | Mapping[str, Decimal]


@dataclass(frozen=True)
class Floor:
    """At least ``minimum`` dossiers among ``members``."""

    code: str
    label: str
    members: frozenset[str]
    minimum: int


@dataclass(frozen=True)
class Selection:
    """``chosen`` in order of merit; ``by_floor`` names the floor that brought a dossier in; ``left`` in euros, in all
    and for each purse."""

    chosen: tuple[str, ...]
    by_floor: dict[str, str]
    missed: tuple[Floor, ...]
    left: Decimal
    left_by_purse: dict[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True)
class FloorPrice:
    """What changes in the optimum when one floor is dropped."""

    floor: Floor
    gain: Decimal
    gained: tuple[str, ...]
    lost: tuple[str, ...]


@dataclass(frozen=True)
class Verdict:
    """What the referee found: whether the floors fit together, else the smallest clash; and their prices."""

    is_feasible: bool
    clash: tuple[Floor, ...] = ()
    # Share of the best sum of mark × euro that the rule reaches; None when infeasible or empty.
    share_of_best: Decimal | None = None
    prices: tuple[FloorPrice, ...] = field(default_factory=tuple)


def two_passes(
    items: Sequence[Item], available: Available, *, floors: Iterable[Floor] = (), policy: str = SKIP
) -> Selection:
    """Applies the published rule to dossiers given in order of merit, with ``available`` euros.

    Each dossier asks its own purse only; the policy « stop » stops a purse at the first dossier that it does not hold.
    """
    left = _purses(available)
    taken: dict[str, str] = {}
    missed = []
    for floor in floors:
        held = sum(1 for key in taken if key in floor.members)
        for item in items:
            if held >= floor.minimum:
                break
            if item.key in floor.members and item.key not in taken and item.amount <= left.get(item.purse, NOTHING):
                taken[item.key] = floor.code
                left[item.purse] -= item.amount
                held += 1
        if held < floor.minimum:
            missed.append(floor)
    stopped: set[str] = set()
    for item in items:
        if item.key in taken or item.purse in stopped:
            continue
        if item.amount > left.get(item.purse, NOTHING):
            if policy == STOP:
                stopped.add(item.purse)
            continue
        taken[item.key] = ""
        left[item.purse] -= item.amount
    chosen = tuple(item.key for item in items if item.key in taken)
    return Selection(
        chosen=chosen,
        by_floor={key: code for key, code in taken.items() if code},
        missed=tuple(missed),
        left=sum(left.values(), NOTHING),
        left_by_purse=left,
    )


def _purses(available: Available) -> dict[str, Decimal]:
    return dict(available) if isinstance(available, Mapping) else {"": available}


def _optimum(items: Sequence[Item], available: Available, floors: Sequence[Floor]) -> frozenset[str] | None:
    """The set with the greatest sum of mark × euro; None when the floors cannot hold together."""
    if not items:
        return frozenset() if not any(floor.minimum for floor in floors) else None
    # Late: every process of the site would pay two seconds at its start for what one page needs.
    import numpy as np
    from scipy.optimize import Bounds, LinearConstraint, milp

    worth = np.array([float(item.mean * item.amount) for item in items])
    held = _purses(available)
    constraints = []
    for purse in sorted({item.purse for item in items}):
        asked = np.array([[float(item.amount) if item.purse == purse else 0.0 for item in items]])
        constraints.append(LinearConstraint(asked, -np.inf, float(held.get(purse, NOTHING))))
    for floor in floors:
        row = np.array([[1.0 if item.key in floor.members else 0.0 for item in items]])
        constraints.append(LinearConstraint(row, floor.minimum, np.inf))
    answer = milp(
        -worth / max(worth.max(), 1.0),
        constraints=constraints,
        integrality=np.ones(len(items)),
        bounds=Bounds(0, 1),
        options={"mip_rel_gap": 0, "time_limit": 10},
    )
    if answer.x is None:
        return None
    chosen = frozenset(item.key for item, value in zip(items, answer.x, strict=True) if value > 0.5)
    # Floats proposed it, decimals accept it.
    for purse in {item.purse for item in items}:
        spent = sum((item.amount for item in items if item.key in chosen and item.purse == purse), NOTHING)
        if spent > held.get(purse, NOTHING):
            return None
    return chosen


def _worth(items: Sequence[Item], chosen: Iterable[str]) -> Decimal:
    keys = set(chosen)
    return sum((item.mean * item.amount for item in items if item.key in keys), Decimal(0))


def _smallest_clash(items: Sequence[Item], available: Available, floors: Sequence[Floor]) -> tuple[Floor, ...]:
    for size in range(1, len(floors) + 1):
        for subset in combinations(floors, size):
            if _optimum(items, available, subset) is None:
                return subset
    return tuple(floors)


def referee(
    items: Sequence[Item], available: Available, *, floors: Sequence[Floor] = (), selection: Selection
) -> Verdict:
    """Judges a selection against the exact optimum of mark × euro under the same floors and envelope."""
    best = _optimum(items, available, floors)
    if best is None:
        return Verdict(is_feasible=False, clash=_smallest_clash(items, available, floors))
    reference = _worth(items, best)
    prices = []
    for floor in floors:
        without = _optimum(items, available, [other for other in floors if other is not floor])
        if without is None:
            continue
        prices.append(
            FloorPrice(
                floor=floor,
                gain=(_worth(items, without) - reference) / 20,
                gained=tuple(item.key for item in items if item.key in without - best),
                lost=tuple(item.key for item in items if item.key in best - without),
            )
        )
    share = (_worth(items, selection.chosen) / reference).quantize(Decimal("0.0001")) if reference else None
    return Verdict(is_feasible=True, share_of_best=share, prices=tuple(prices))
