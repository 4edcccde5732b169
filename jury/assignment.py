"""Who reads what: two integer min-cost flows, in named stages. Pure functions on plain values.

Stage « expert » gives each dossier one expert of its theme; stage « panel » completes the panels. Both refuse
recused pairs, a second juror of one organisation on a dossier, and loads above the maximum; loads are levelled by a
cost that rises with each seat. One seat in five goes across regions, which ties the regional readings together.
Costs are integers, rows are sorted by id and ties are broken by a hash of the two ids: the same input in any order
gives the same seats. The result is a proposal that people read, change and confirm.
"""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import ortools
from ortools.graph.python.min_cost_flow import SimpleMinCostFlow

METHOD = "two-stage integer min-cost flow"
VERSION = 1

EXPERT, PANEL = "expert", "panel"
TIE = 1 << 10
# What counts, in steps that the tie-break (below TIE) never reaches.
LOAD_STEP = 4 * TIE
REGION = 12 * TIE
MOVE = 400 * TIE
ABOVE_MINIMUM = 100 * TIE
CROSS_SHARE = 5  # one seat in five


@dataclass(frozen=True)
class JurorSpec:
    """A juror as the computation sees them; loads are numbers of dossiers."""

    id: int
    organisation: str
    themes: frozenset[str]
    region: str
    load_min: int = 0
    load_max: int = 40

    @property
    def house(self) -> str:
        """Jurors of one organisation share it; a juror without one stands alone."""
        return self.organisation.strip().casefold() or f"juror {self.id}"


@dataclass(frozen=True)
class DossierSpec:
    """A dossier, its theme and region (may be empty) and the number of seats it needs in all."""

    id: str
    theme: str
    region: str
    seats: int


@dataclass(frozen=True)
class Seat:
    """One juror on one dossier, with the stage that seated them."""

    dossier: str
    juror: int
    stage: str = PANEL


@dataclass(frozen=True)
class Problem:
    """``kept`` seats are not moved (work has begun); ``present`` seats may be, at a price each."""

    dossiers: tuple[DossierSpec, ...]
    jurors: tuple[JurorSpec, ...]
    recusals: frozenset[tuple[int, str]] = frozenset()
    kept: frozenset[tuple[str, int]] = frozenset()
    present: frozenset[tuple[str, int]] = frozenset()

    def canonical(self) -> dict[str, Any]:
        """The inputs as sorted plain values, for the replay file."""
        return {
            "dossiers": [asdict(d) for d in sorted(self.dossiers, key=lambda d: d.id)],
            "jurors": [
                asdict(j) | {"themes": sorted(j.themes)} for j in sorted(self.jurors, key=lambda juror: juror.id)
            ],
            "recusals": sorted([juror, dossier] for juror, dossier in self.recusals),
            "kept": sorted([dossier, juror] for dossier, juror in self.kept),
            "present": sorted([dossier, juror] for dossier, juror in self.present),
        }


@dataclass(frozen=True)
class Plan:
    """Seats, sorted; and in French what could not be met, before and after the computation."""

    seats: tuple[Seat, ...]
    warnings: tuple[str, ...]
    unfilled: dict[str, int]
    without_expert: tuple[str, ...]

    def loads(self) -> Counter[int]:
        """Number of dossiers of each juror."""
        return Counter(seat.juror for seat in self.seats)


def tie_break(dossier: str, juror: int) -> int:
    """A number below TIE drawn from the two ids, so that equals are told apart the same way each time."""
    return int.from_bytes(hashlib.sha256(f"{dossier}:{juror}".encode()).digest()[:4], "big") % TIE


def crossing(dossiers: Iterable[DossierSpec]) -> set[str]:
    """Dossiers that give one seat to another region: as many as a fifth of all seats, chosen by a hash of the id."""
    rows = sorted(dossiers, key=lambda d: (hashlib.sha256(d.id.encode()).digest(), d.id))
    wanted = -(-sum(d.seats for d in rows) // CROSS_SHARE)
    return {d.id for d in rows[:wanted]}


def shortages(problem: Problem) -> list[str]:
    """What cannot be met whatever the computation does, and by how much, in French. Empty when nothing is missing."""
    found = []
    jurors = problem.jurors
    seats = sum(d.seats for d in problem.dossiers)
    room = sum(j.load_max for j in jurors)
    if room < seats:
        lack = seats - room
        found.append(f"Charges maximales : il manque {lack} place{'s' * (lack > 1)} pour {seats} lectures.")
    least = sum(j.load_min for j in jurors)
    if least > seats:
        found.append(f"Charges minimales : {least} lectures promises aux jurés pour {seats} à répartir.")
    themes = Counter(d.theme for d in problem.dossiers if d.theme)
    for theme, count in sorted(themes.items()):
        experts = sum(j.load_max for j in jurors if theme in j.themes)
        if experts < count:
            lack = count - experts
            places, dossiers = f"{lack} place{'s' * (lack > 1)}", f"{count} dossier{'s' * (count > 1)}"
            found.append(f"Thème « {theme} » : il manque {places} d’expert pour {dossiers}.")
    return found + _narrow_dossiers(problem)


def _narrow_dossiers(problem: Problem) -> list[str]:
    short = 0
    for dossier in problem.dossiers:
        houses = {j.house for j in problem.jurors if j.load_max and (j.id, dossier.id) not in problem.recusals}
        short += max(0, dossier.seats - len(houses))
    if not short:
        return []
    return [f"Organismes : il manque {short} places, faute d’organismes différents une fois les déports retirés."]


class _Network:
    """Nodes named by tuples; one juror node per juror, with unit arcs of rising cost to the sink."""

    def __init__(self) -> None:
        self.flow = SimpleMinCostFlow()
        self.nodes: dict[tuple[Any, ...], int] = {}
        self.arcs: dict[int, tuple[str, int]] = {}

    def node(self, *name: Any) -> int:
        return self.nodes.setdefault(name, len(self.nodes))

    def arc(self, tail: int, head: int, capacity: int, cost: int) -> int:
        return int(self.flow.add_arc_with_capacity_and_unit_cost(tail, head, capacity, cost))

    def seat(self, tail: int, dossier: str, juror: int, cost: int) -> None:
        self.arcs[self.arc(tail, self.node("juror", juror), 1, cost)] = (dossier, juror)

    def solve(self, supply: int) -> list[tuple[str, int]]:
        self.flow.set_node_supply(self.node("source"), supply)
        self.flow.set_node_supply(self.node("sink"), -supply)
        status = self.flow.solve_max_flow_with_min_cost()
        if status != self.flow.OPTIMAL:
            raise RuntimeError(f"min-cost flow: {status}")
        return sorted(pair for arc, pair in self.arcs.items() if self.flow.flow(arc))


class _Solver:
    """State between the two stages: seats already given, loads, organisations present on each dossier."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.dossiers = sorted(problem.dossiers, key=lambda d: d.id)
        self.jurors = sorted(problem.jurors, key=lambda j: j.id)
        self.by_id = {j.id: j for j in self.jurors}
        self.crossing = crossing(self.dossiers)
        self.seats: dict[tuple[str, int], Seat] = {}
        self.loads: Counter[int] = Counter()
        self.houses: dict[str, set[str]] = defaultdict(set)
        known = {d.id for d in self.dossiers}
        for dossier, juror in sorted(problem.kept):
            if dossier in known and juror in self.by_id:
                self.take(dossier, juror, "kept")

    def take(self, dossier: str, juror: int, stage: str) -> None:
        self.seats[dossier, juror] = Seat(dossier, juror, stage)
        self.loads[juror] += 1
        self.houses[dossier].add(self.by_id[juror].house)

    def panel(self, dossier: str) -> list[JurorSpec]:
        return [j for j in self.jurors if (dossier, j.id) in self.seats]

    def may_sit(self, dossier: DossierSpec, juror: JurorSpec) -> bool:
        return (
            (juror.id, dossier.id) not in self.problem.recusals
            and (dossier.id, juror.id) not in self.seats
            and juror.house not in self.houses[dossier.id]
        )

    def has_expert(self, dossier: DossierSpec) -> bool:
        return any(dossier.theme in j.themes for j in self.panel(dossier.id))

    def cost(self, dossier: DossierSpec, juror: JurorSpec) -> int:
        """Preference of the region, then the price of moving a seat, then the tie-break."""
        total = tie_break(dossier.id, juror.id)
        if dossier.region and juror.region:
            away = juror.region != dossier.region
            crossed = any(j.region and j.region != dossier.region for j in self.panel(dossier.id))
            wants_away = dossier.id in self.crossing and not crossed
            total += REGION if away != wants_away else 0
        if self.problem.present and (dossier.id, juror.id) not in self.problem.present:
            total += MOVE
        return total

    def add_loads(self, network: _Network) -> None:
        for juror in self.jurors:
            node, sink = network.node("juror", juror.id), network.node("sink")
            for position in range(self.loads[juror.id], juror.load_max):
                above = ABOVE_MINIMUM if position >= juror.load_min else 0
                network.arc(node, sink, 1, position * LOAD_STEP + above)

    def stage_expert(self) -> None:
        """One expert of its theme for each dossier that has none yet."""
        network, supply = _Network(), 0
        for dossier in self.dossiers:
            room = dossier.seats - len(self.panel(dossier.id))
            if not dossier.theme or room <= 0 or self.has_expert(dossier):
                continue
            node = network.node("dossier", dossier.id)
            network.arc(network.node("source"), node, 1, 0)
            supply += 1
            for juror in self.jurors:
                if dossier.theme in juror.themes and self.may_sit(dossier, juror):
                    network.seat(node, dossier.id, juror.id, self.cost(dossier, juror))
        if supply:
            self.add_loads(network)
            for pair in network.solve(supply):
                self.take(*pair, EXPERT)

    def stage_panel(self) -> None:
        """The other seats, through one node per dossier and organisation."""
        network, supply = _Network(), 0
        for dossier in self.dossiers:
            need = dossier.seats - len(self.panel(dossier.id))
            if need <= 0:
                continue
            node = network.node("dossier", dossier.id)
            network.arc(network.node("source"), node, need, 0)
            supply += need
            for juror in self.jurors:
                if not self.may_sit(dossier, juror):
                    continue
                name = ("house", dossier.id, juror.house)
                if name not in network.nodes:
                    network.arc(node, network.node(*name), 1, 0)
                network.seat(network.node(*name), dossier.id, juror.id, self.cost(dossier, juror))
        if supply:
            self.add_loads(network)
            for pair in network.solve(supply):
                self.take(*pair, PANEL)


def solve(problem: Problem) -> Plan:
    """Computes the two stages. Never raises for lack of jurors: what is missing is said in the plan."""
    solver = _Solver(problem)
    solver.stage_expert()
    solver.stage_panel()
    unfilled, alone = {}, []
    for dossier in solver.dossiers:
        missing = dossier.seats - len(solver.panel(dossier.id))
        if missing > 0:
            unfilled[dossier.id] = missing
        if dossier.theme and not solver.has_expert(dossier):
            alone.append(dossier.id)
    return Plan(
        seats=tuple(solver.seats[key] for key in sorted(solver.seats)),
        warnings=tuple(shortages(problem)),
        unfilled=unfilled,
        without_expert=tuple(alone),
    )


def canonical_text(replay: dict[str, Any]) -> str:
    """The text whose SHA-256 identifies a replay."""
    return json.dumps(replay, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def digest(replay: dict[str, Any]) -> str:
    """SHA-256, in hexadecimal, of a replay."""
    return hashlib.sha256(canonical_text(replay).encode()).hexdigest()


def replay_of(problem: Problem, plan: Plan) -> dict[str, Any]:
    """Inputs, versions and output: anyone can run it again and find the same seats."""
    return {
        "method": METHOD,
        "version": VERSION,
        "ortools": ortools.__version__,
        "inputs": problem.canonical(),
        "seats": [asdict(seat) for seat in plan.seats],
        "warnings": list(plan.warnings),
        "unfilled": dict(sorted(plan.unfilled.items())),
        "without_expert": list(plan.without_expert),
        "changes": [],
    }


def problem_of(replay: dict[str, Any]) -> Problem:
    """The inputs of a replay, to run it again."""
    inputs = replay["inputs"]
    return Problem(
        dossiers=tuple(DossierSpec(**row) for row in inputs["dossiers"]),
        jurors=tuple(JurorSpec(**{**row, "themes": frozenset(row["themes"])}) for row in inputs["jurors"]),
        recusals=frozenset((juror, dossier) for juror, dossier in inputs["recusals"]),
        kept=frozenset((dossier, juror) for dossier, juror in inputs["kept"]),
        present=frozenset((dossier, juror) for dossier, juror in inputs["present"]),
    )


@dataclass(frozen=True)
class Explanation:
    """Why this juror on this dossier, and what became of the others; sentences in French."""

    why: tuple[str, ...]
    others: tuple[str, ...]


def explain(problem: Problem, seats: Iterable[Seat]) -> dict[tuple[str, int], Explanation]:
    """For each seat, its reasons; and for the dossier, why the other jurors are not on it."""
    jurors = {j.id: j for j in problem.jurors}
    dossiers = {d.id: d for d in problem.dossiers}
    rows = list(seats)
    loads = Counter(seat.juror for seat in rows)
    panels: dict[str, list[int]] = defaultdict(list)
    for seat in rows:
        panels[seat.dossier].append(seat.juror)
    others = {key: _others(dossiers[key], panel, problem, jurors, loads) for key, panel in panels.items()}
    return {
        (seat.dossier, seat.juror): Explanation(
            why=_why(dossiers[seat.dossier], jurors[seat.juror], seat, loads), others=others[seat.dossier]
        )
        for seat in rows
    }


def _why(dossier: DossierSpec, juror: JurorSpec, seat: Seat, loads: Counter[int]) -> tuple[str, ...]:
    reasons = []
    if seat.stage == "kept":
        reasons.append("déjà affecté")
    if seat.stage == "changed":
        reasons.append("choisi à la main")
    if dossier.theme and dossier.theme in juror.themes:
        reasons.append("expert du thème")
    if dossier.region and juror.region:
        reasons.append("même région" if juror.region == dossier.region else "autre région")
    reasons.append(f"{loads[juror.id]} dossiers sur {juror.load_max} au plus")
    return tuple(reasons)


ALONE = {
    "à leur charge maximale": "à sa charge maximale",
    "moins disponibles ou moins indiqués": "moins disponible ou moins indiqué",
}


def _others(
    dossier: DossierSpec,
    panel: list[int],
    problem: Problem,
    jurors: dict[int, JurorSpec],
    loads: Counter[int],
) -> tuple[str, ...]:
    houses = {jurors[juror].house for juror in panel}
    counts: Counter[str] = Counter()
    for juror in jurors.values():
        # Whoever presides reads everything and has no seat.
        if juror.id in panel or not juror.load_max:
            continue
        if (juror.id, dossier.id) in problem.recusals:
            counts["en conflit d’intérêts"] += 1
        elif juror.house in houses:
            counts["du même organisme"] += 1
        elif loads[juror.id] >= juror.load_max:
            counts["à leur charge maximale"] += 1
        else:
            counts["moins disponibles ou moins indiqués"] += 1
    return tuple(
        f"{count} {label if count > 1 else ALONE.get(label, label)}" for label, count in sorted(counts.items())
    )
