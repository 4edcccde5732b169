"""The rule classes, one per ``RuleKind``. Each checks its parameters when made, then answers for a candidate."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from calls.eligibility.candidate import Candidate, Member
from calls.eligibility.verdict import RuleResult
from calls.enums import RuleKind, RuleVerdict
from territories.enums import OrganisationKind
from territories.population import CoveredPopulation

NBSP = "\u00a0"
Parameters = dict[str, Any]


class InvalidParameters(ValueError):
    """The parameters of a rule make no sense; the text says which, in French."""


@dataclass(frozen=True)
class Context:
    """What a rule may look at besides its parameters."""

    axis: str
    candidate: Candidate
    population: CoveredPopulation
    source: str


def number(value: int) -> str:
    """« 451 762 »"""
    return f"{value:,}".replace(",", NBSP)


def inhabitants(value: int) -> str:
    """« 451 762 habitants », « 1 habitant »"""
    return f"{number(value)}{NBSP}habitant{'s' if value > 1 else ''}"


def kind_label(kind: str) -> str:
    """« intercommunalité (EPCI) », as inside a sentence."""
    label = str(OrganisationKind(kind).label)
    return label[0].lower() + label[1:]


class Rule:
    """A rule made from its parameters; ``evaluate`` answers and never raises."""

    code: RuleKind

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters

    def evaluate(self, context: Context) -> RuleResult:
        raise NotImplementedError

    def describe(self) -> str:
        """The rule in one French sentence, for the page of the call."""
        raise NotImplementedError

    def answer(self, context: Context, verdict: RuleVerdict, message: str, **figures: Any) -> RuleResult:
        return RuleResult(self.code.value, verdict, message, context.source, figures)


class OrganisationKinds(Rule):
    """The kinds of authority that may ask, alone or, unless said otherwise, in a grouping."""

    code = RuleKind.ORGANISATION_KINDS

    def __init__(self, parameters: Parameters) -> None:
        super().__init__(parameters)
        self.kinds = _kinds(parameters, "kinds", required=True)
        self.allows_grouping = bool(parameters.get("groupings", True))

    def describe(self) -> str:
        if self.kinds == frozenset(OrganisationKind.values):
            who = "Toute collectivité, tout syndicat ou toute structure de mutualisation"
        else:
            who = f"Peuvent demander{NBSP}: {', '.join(kind_label(kind) for kind in sorted(self.kinds))}"
        return f"{who}, à titre individuel ou en groupement." if self.allows_grouping else f"{who}, chacun pour soi."

    def evaluate(self, context: Context) -> RuleResult:
        members = context.candidate.members
        figures = {"kinds": sorted({member.kind for member in members}), "accepted": sorted(self.kinds)}
        if not members:
            return self.answer(context, RuleVerdict.UNKNOWN, "Aucune collectivité n’est indiquée.", **figures)
        outside = [member.name for member in members if member.kind not in self.kinds]
        if outside:
            accepted = ", ".join(kind_label(kind) for kind in sorted(self.kinds))
            message = f"Cet axe ne s’adresse pas à {_listed(outside)}. Peuvent demander{NBSP}: {accepted}."
            return self.answer(context, RuleVerdict.FAILED, message, **figures)
        if context.candidate.is_grouping and not self.allows_grouping:
            message = "Chaque collectivité fait sa propre demande\u00a0: un groupement ne peut pas la faire pour elle."
            return self.answer(context, RuleVerdict.FAILED, message, **figures)
        if context.candidate.is_grouping:
            message = "Toutes les collectivités du groupement peuvent demander cette aide."
        else:
            label = kind_label(members[0].kind)
            message = f"Cette aide est ouverte à votre catégorie de collectivité ({label})."
        return self.answer(context, RuleVerdict.PASSED, message, **figures)


class _PopulationRule(Rule):
    """Parameters: ``threshold`` in inhabitants; ``exempt_kinds``, the kinds to which it does not apply."""

    def __init__(self, parameters: Parameters) -> None:
        super().__init__(parameters)
        threshold = parameters.get("threshold")
        if not isinstance(threshold, int) or isinstance(threshold, bool) or threshold <= 0:
            raise InvalidParameters("Le seuil («\u00a0threshold\u00a0») est un nombre entier d’habitants.")
        self.threshold = threshold
        self.exempt_kinds = _kinds(parameters, "exempt_kinds", required=False)

    def figures(self, population: CoveredPopulation) -> dict[str, Any]:
        return {
            "population": population.total,
            "known_population": population.known_total,
            "threshold": self.threshold,
            "communes": population.communes,
            "shared_communes": population.shared_communes,
            "vintage": population.vintage,
            "missing": population.missing,
        }

    def exemption(self) -> str:
        if not self.exempt_kinds:
            return ""
        kinds = _listed([kind_label(kind) for kind in sorted(self.exempt_kinds)])
        return f" (sans condition pour un {kinds})"

    def exempt_member(self, candidate: Candidate) -> Member | None:
        return next((member for member in candidate.members if member.kind in self.exempt_kinds), None)

    def doubt(self, context: Context, question: str) -> RuleResult:
        population = context.population
        reasons = " ; ".join(population.missing).replace(" ;", f"{NBSP};")
        message = f"Impossible de dire si la population couverte {question}{NBSP}: {reasons}." + (
            f" Population connue{NBSP}: {inhabitants(population.known_total)}." if population.known_total else ""
        )
        return self.answer(context, RuleVerdict.UNKNOWN, message, **self.figures(population))


class PopulationAtLeast(_PopulationRule):
    """The covered population reaches the threshold; what is known may be enough when a figure is missing."""

    code = RuleKind.POPULATION_AT_LEAST

    def describe(self) -> str:
        return f"Population couverte d’au moins {inhabitants(self.threshold)}{self.exemption()}."

    def evaluate(self, context: Context) -> RuleResult:
        population, floor = context.population, inhabitants(self.threshold)
        exempt = self.exempt_member(context.candidate)
        if exempt is not None:
            label = kind_label(exempt.kind)
            message = f"Aucun seuil de population ne s’applique à un {label}{NBSP}: {exempt.name} peut demander."
            figures = {**self.figures(population), "exempt_kind": exempt.kind}
            return self.answer(context, RuleVerdict.PASSED, message, **figures)
        known = inhabitants(population.known_total)
        if population.known_total >= self.threshold:
            part = "La population couverte" if population.total is not None else "La seule population connue"
            message = f"{part}, {known}, atteint le seuil de {floor}."
            return self.answer(context, RuleVerdict.PASSED, message, **self.figures(population))
        if population.total is None:
            return self.doubt(context, f"atteint {floor}")
        message = f"La population couverte, {known}, est inférieure au seuil de {floor}."
        return self.answer(context, RuleVerdict.FAILED, message, **self.figures(population))


class PopulationBelow(_PopulationRule):
    """The covered population stays strictly below the threshold."""

    code = RuleKind.POPULATION_BELOW

    def describe(self) -> str:
        return f"Population couverte inférieure à {inhabitants(self.threshold)}{self.exemption()}."

    def evaluate(self, context: Context) -> RuleResult:
        population, ceiling = context.population, inhabitants(self.threshold)
        exempt = self.exempt_member(context.candidate)
        if exempt is not None:
            label = kind_label(exempt.kind)
            message = f"Aucun plafond de population ne s’applique à un {label}{NBSP}: {exempt.name} peut demander."
            figures = {**self.figures(population), "exempt_kind": exempt.kind}
            return self.answer(context, RuleVerdict.PASSED, message, **figures)
        known = inhabitants(population.known_total)
        if population.known_total >= self.threshold:
            part = "La population couverte" if population.total is not None else "La seule population connue"
            message = f"{part}, {known}, n’est pas inférieure à {ceiling}."
            return self.answer(context, RuleVerdict.FAILED, message, **self.figures(population))
        if population.total is None:
            return self.doubt(context, f"reste inférieure à {ceiling}")
        message = f"La population couverte, {known}, est inférieure à {ceiling}."
        return self.answer(context, RuleVerdict.PASSED, message, **self.figures(population))


class OnePerOrganisation(Rule):
    """No more than ``maximum`` requests (one by default) per authority on this axis."""

    code = RuleKind.ONE_PER_ORGANISATION

    def __init__(self, parameters: Parameters) -> None:
        super().__init__(parameters)
        self.maximum = parameters.get("maximum", 1)
        if not isinstance(self.maximum, int) or isinstance(self.maximum, bool) or self.maximum < 1:
            raise InvalidParameters("Le nombre de demandes («\u00a0maximum\u00a0») est un entier d’au moins 1.")

    def describe(self) -> str:
        return "Une seule demande par collectivité." if self.maximum == 1 else f"{self.maximum} demandes au plus."

    def evaluate(self, context: Context) -> RuleResult:
        prior = context.candidate.prior_requests
        if prior is None:
            message = "Cette aide n’est accordée qu’une fois par collectivité\u00a0; nous le vérifierons au dépôt."
            return self.answer(context, RuleVerdict.UNKNOWN, message, maximum=self.maximum, prior_requests=None)
        count = prior.get(context.axis, 0)
        figures = {"maximum": self.maximum, "prior_requests": count}
        if count >= self.maximum:
            message = "Votre collectivité a déjà demandé cette aide, qui n’est accordée qu’une fois."
            return self.answer(context, RuleVerdict.FAILED, message, **figures)
        return self.answer(
            context, RuleVerdict.PASSED, "Votre collectivité n’a pas encore demandé cette aide.", **figures
        )


class PriorAuthorisation(Rule):
    """An authorisation was given before the request; ``label`` names it in French."""

    code = RuleKind.PRIOR_AUTHORISATION

    def __init__(self, parameters: Parameters) -> None:
        super().__init__(parameters)
        self.label = parameters.get("label")
        if not isinstance(self.label, str) or not self.label.strip():
            raise InvalidParameters("Le nom de l’habilitation («\u00a0label\u00a0») est obligatoire.")

    def describe(self) -> str:
        return f"Avoir obtenu {self.label} avant de demander."

    def evaluate(self, context: Context) -> RuleResult:
        given = context.candidate.prior_authorisation
        if given is None:
            message = f"Il faut avoir obtenu {self.label} avant de demander\u00a0; nous ne savons pas si c’est le cas."
            return self.answer(context, RuleVerdict.UNKNOWN, message, authorised=None)
        if given:
            return self.answer(context, RuleVerdict.PASSED, f"Vous avez obtenu {self.label}.", authorised=True)
        message = f"Il faut avoir obtenu {self.label} avant de demander cette aide."
        return self.answer(context, RuleVerdict.FAILED, message, authorised=False)


class InTerritory(Rule):
    """Each authority lies in one of the ``departements`` or ``regions`` (INSEE codes) listed."""

    code = RuleKind.IN_TERRITORY

    def __init__(self, parameters: Parameters) -> None:
        super().__init__(parameters)
        self.departements = _codes(parameters, "departements")
        self.regions = _codes(parameters, "regions")
        if not self.departements and not self.regions:
            raise InvalidParameters("Indiquez «\u00a0departements\u00a0» ou «\u00a0regions\u00a0», en codes INSEE.")

    def describe(self) -> str:
        codes = ", ".join(sorted(self.departements | self.regions))
        return f"Être situé dans un des territoires couverts (codes {codes})."

    def evaluate(self, context: Context) -> RuleResult:
        members = context.candidate.members
        outside: list[str] = []
        unknown: list[str] = []
        for member in members:
            if member.departement_code in self.departements or member.region_code in self.regions:
                continue
            known = member.departement_code if self.departements else member.region_code
            (outside if known else unknown).append(member.name)
        figures = {"departements": sorted(self.departements), "regions": sorted(self.regions)}
        if outside:
            message = f"Cette aide ne couvre pas le territoire de {_listed(outside)}."
            return self.answer(context, RuleVerdict.FAILED, message, **figures)
        if unknown or not members:
            message = "Aucune collectivité n’est indiquée."
            if unknown:
                message = f"Nous ne savons pas où se situe {_listed(unknown)}."
            return self.answer(context, RuleVerdict.UNKNOWN, message, **figures)
        return self.answer(context, RuleVerdict.PASSED, "Votre territoire est couvert par cette aide.", **figures)


_CLASSES: dict[str, Callable[[Parameters], Rule]] = {
    rule.code.value: rule
    for rule in (
        OrganisationKinds,
        PopulationAtLeast,
        PopulationBelow,
        OnePerOrganisation,
        PriorAuthorisation,
        InTerritory,
    )
}


def build(kind: str, parameters: Parameters) -> Rule:
    """The rule of this kind with these parameters. Raises InvalidParameters."""
    if not isinstance(parameters, dict):
        raise InvalidParameters("Les paramètres d’une règle sont un objet JSON.")
    if kind not in _CLASSES:
        raise InvalidParameters(f"Aucune règle ne s’appelle «\u00a0{kind}\u00a0».")
    return _CLASSES[kind](parameters)


def _kinds(parameters: Parameters, name: str, *, required: bool) -> frozenset[str]:
    values = parameters.get(name, [])
    if not isinstance(values, list) or any(value not in OrganisationKind.values for value in values):
        raise InvalidParameters(f"«\u00a0{name}\u00a0» est une liste de natures de collectivité.")
    if required and not values:
        raise InvalidParameters(f"«\u00a0{name}\u00a0» ne peut pas être vide.")
    return frozenset(values)


def _codes(parameters: Parameters, name: str) -> frozenset[str]:
    values = parameters.get(name, [])
    if not isinstance(values, list) or any(not isinstance(value, str) or not value for value in values):
        raise InvalidParameters(f"«\u00a0{name}\u00a0» est une liste de codes INSEE.")
    return frozenset(values)


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} et {names[-1]}"
