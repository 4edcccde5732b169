"""Which real authorities ask for what: drawn by seed, from rows sorted by code, so that one seed gives one play."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random

from calls.models import Session
from demonstration.arguments import FEWEST, MOST
from demonstration.play.subjects import SUBJECTS, Subject
from territories.enums import TerritoryKind
from territories.models import Territory, Vintage

# Of a hundred dossiers: how many on each axis.
SHARES = {"axe-1": 18, "axe-2": 22, "axe-3": 50, "pack-franceconnect": 10}
LARGE = 500_000
# Total cost in thousands of euros, from and to.
COSTS = {"axe-1": (120, 900), "axe-2": (160, 1_200), "axe-3": (12, 150), "pack-franceconnect": (5, 5)}
# Dossiers of axis 3 (by position) from one département, all acclaimed, with their cost in euros. At 80 % they ask
# together for 496 000 € of its 297 000 €: the refused overspend of the play, which leaves two at least waiting.
RIVALS = {0: 230_000, 1: 230_000, 7: 100_000, 8: 60_000}


@dataclass(frozen=True)
class Candidate:
    """One dossier to be filed. Amounts in euros; ``fate`` is what the service or the applicant will make of it."""

    rank: int
    axis: str
    session: Session
    territory: Territory
    members: tuple[Territory, ...]
    subject: Subject
    starts_at: datetime
    cost: Decimal
    requested: Decimal
    fate: str

    @property
    def seed(self) -> str:
        return f"{self.rank}:{self.axis}:{self.territory.kind}:{self.territory.code}"


def draw(*, sessions: dict[str, list[Session]], count: int, seed: int) -> list[Candidate]:
    """``count`` candidates (40 to 600) in the order of filing. Raises ValueError outside."""
    if not FEWEST <= count <= MOST:
        raise ValueError(f"from {FEWEST} to {MOST} dossiers")
    random = Random(seed)  # noqa: S311 - a play that can be repeated, not a secret
    pools = _pools()
    rows: list[Candidate] = []
    for axis, number in _numbers(count, pools).items():
        chosen = _pick(axis, pools[axis], number, random)
        for position, (territory, members) in enumerate(chosen):
            session = sessions[axis][position % len(sessions[axis])]
            rows.append(_candidate(len(rows), axis, session, territory, members, random, position))
    rows.sort(key=lambda row: (row.starts_at, row.rank))
    return rows


def draw_today(*, session: Session, count: int, random: Random) -> list[Candidate]:
    """Candidates for a session of today: authorities that exist in both vintages, each once."""
    axis = session.axis.code
    current = Territory.objects.filter(vintage_id=2026, population__isnull=False).values("kind", "code")
    alive = {(row["kind"], row["code"]) for row in current}
    pool = [row for row in _pools()[axis] if (row.kind, row.code) in alive]
    drawn = random.sample(pool, count)
    return [_candidate(rank, axis, session, row, (), random, position=10 + rank) for rank, row in enumerate(drawn)]


def _numbers(count: int, pools: dict[str, list[Territory]]) -> dict[str, int]:
    """Dossiers by axis; axis 3 takes what rounding leaves, and what axis 2 has no authority left to ask for."""
    numbers = {axis: min(count * share // 100, len(pools[axis])) for axis, share in SHARES.items()}
    numbers["axe-3"] += count - sum(numbers.values())
    return numbers


def _pools() -> dict[str, list[Territory]]:
    """Territories that may ask on each axis, sorted by kind and code; those without a known population are left out."""
    vintage = Vintage.objects.get(pk=2021)
    known = Territory.objects.filter(vintage=vintage, population__isnull=False).order_by("kind", "code")
    kinds = [TerritoryKind.EPCI, TerritoryKind.COMMUNE]
    middle = list(known.filter(kind__in=kinds, population__gte=20_000, population__lt=LARGE))
    return {
        "axe-1": middle,
        "axe-2": list(known.filter(kind__in=[TerritoryKind.DEPARTEMENT, TerritoryKind.REGION]))
        + list(known.filter(kind=TerritoryKind.EPCI, population__gte=LARGE)),
        "axe-3": list(known.filter(kind__in=kinds, population__gte=2_000, population__lt=250_000)),
        "pack-franceconnect": list(known.filter(kind=TerritoryKind.COMMUNE, population__gte=10_000)),
    }


def _pick(
    axis: str, pool: Sequence[Territory], number: int, random: Random
) -> list[tuple[Territory, tuple[Territory, ...]]]:
    """Different territories, with once a grouping on axis 2 and on axis 3 four of one département (``RIVALS``)."""
    drawn: list[tuple[Territory, tuple[Territory, ...]]] = [(row, ()) for row in random.sample(list(pool), number)]
    if axis == "axe-2":
        neighbours = _neighbours()
        drawn[0] = (neighbours[0], tuple(neighbours))
        # Eligible since 21 September 2021 only: filed in the second session.
        drawn[1] = (_newly_eligible(), ())
    if axis == "axe-3":
        first = drawn[0][0]
        taken = {row.pk for row, _ in drawn}
        twins = [row for row in pool if row.departement_code == first.departement_code and row.pk not in taken]
        others = [position for position in RIVALS if position]
        for position, rival in zip(others, random.sample(twins, min(len(others), len(twins))), strict=False):
            drawn[position] = (rival, ())
    return drawn


def _neighbours() -> list[Territory]:
    """EPCI of one région that reach the threshold only together."""
    rows = Territory.objects.filter(
        vintage_id=2021, kind=TerritoryKind.EPCI, region_code="53", population__range=(60_000, 250_000)
    ).order_by("-population", "code")
    chosen: list[Territory] = []
    covered = 0
    for row in rows:
        chosen.append(row)
        covered += row.population or 0
        if covered > LARGE + 50_000:
            break
    return chosen


def _newly_eligible() -> Territory:
    """An EPCI above 300 000 inhabitants and below 500 000."""
    rows = Territory.objects.filter(vintage_id=2021, kind=TerritoryKind.EPCI, population__range=(310_000, 490_000))
    return rows.order_by("code")[0]


def _candidate(
    rank: int,
    axis: str,
    session: Session,
    territory: Territory,
    members: tuple[Territory, ...],
    random: Random,
    position: int,
) -> Candidate:
    length = (session.closes_at - session.opens_at) - timedelta(days=2)
    starts_at = session.opens_at + timedelta(minutes=int(random.random() * length.total_seconds() / 60))
    low, high = COSTS[axis]
    cost = Decimal(random.randint(low, high)) * 1000
    is_rival = axis == "axe-3" and position in RIVALS
    if is_rival:
        cost = Decimal(RIVALS[position])
    return Candidate(
        rank=rank,
        axis=axis,
        session=session,
        territory=territory,
        members=members,
        subject=random.choice(SUBJECTS[axis]),
        starts_at=starts_at,
        cost=cost,
        requested=_requested(axis, cost, random, fixed=is_rival or position < 2),
        fate="acclaimed" if is_rival else _fate(axis, position, random),
    )


def _requested(axis: str, cost: Decimal, random: Random, *, fixed: bool) -> Decimal:
    """What is asked, in whole euros: below the rate of the axis, and leaving the 20 % own share."""
    if axis == "pack-franceconnect":
        return Decimal(5_000)
    rates = (60, 70, 80) if axis == "axe-3" else (40, 45, 50)
    percent = rates[-1] if fixed else random.choice(rates)
    return (cost * percent / 100).quantize(Decimal(1))


def _fate(axis: str, position: int, random: Random) -> str:
    """The first dossiers of an axis meet what must be met once; the others by draw."""
    met_once = {2: "withdrawn", 3: "inadmissible", 4: "completion", 5: "deferred", 6: "redirected"}
    if axis == "pack-franceconnect":
        # A connection to FranceConnect is no other axis's business.
        met_once[6] = "ordinary"
    if position in met_once:
        return met_once[position]
    value = random.random()
    for limit, fate in ((0.02, "withdrawn"), (0.09, "inadmissible"), (0.15, "completion"), (0.17, "deferred")):
        if value < limit and position > 6:
            return fate
    return "ordinary"
