"""The financing plan of a dossier: totals, rates and what is wrong with it. Pure functions; euros as Decimal."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, ROUND_UP, Decimal
from typing import TYPE_CHECKING, Any

from applications.enums import FundingKind, TaxBasis
from calls.enums import CostCategory, CostNature
from core.money import CENT, NBSP, amount_text, euros

if TYPE_CHECKING:
    from applications.models import Application
    from calls.models import AxisTerms

ZERO = Decimal(0)
OWN_SHARE = Decimal("0.20")
# Guadeloupe, Martinique, Guyane, La Réunion, Saint-Pierre-et-Miquelon, Mayotte, Saint-Barthélemy, Saint-Martin; and
# the codes of the five that are régions.
OVERSEAS = frozenset({"971", "972", "973", "974", "975", "976", "977", "978"})
OVERSEAS_REGIONS = frozenset({"01", "02", "03", "04", "06"})
PUBLIC_AID = frozenset(
    {
        FundingKind.STATE,
        FundingKind.REGION,
        FundingKind.DEPARTEMENT,
        FundingKind.BLOC_COMMUNAL,
        FundingKind.EUROPE,
        FundingKind.OTHER_PUBLIC,
    }
)
DECREE = "décret n° 2018-514 du 25 juin 2018"


@dataclass(frozen=True)
class Cost:
    """One expense, in euros on the plan's tax basis."""

    amount: Decimal
    category: str
    nature: str
    label: str = ""


@dataclass(frozen=True)
class Resource:
    """One resource other than the aid asked for, in euros."""

    amount: Decimal
    kind: str


@dataclass(frozen=True)
class Terms:
    """What the axis pays, in the version of the rules in force. Amounts in euros, rate between 0 and 1."""

    aid_rate: Decimal
    amount_min: Decimal | None = None
    amount_max: Decimal | None = None
    flat_amount: Decimal | None = None
    excluded_categories: frozenset[str] = frozenset()
    requires_own_share: bool = True
    source: str = ""


@dataclass(frozen=True)
class Plan:
    """What the applicant typed. ``amount_requested`` is None until it is known: missing is not zero."""

    costs: tuple[Cost, ...]
    resources: tuple[Resource, ...]
    amount_requested: Decimal | None
    terms: Terms
    tax_basis: str = ""
    is_overseas: bool = False
    has_derogation: bool = False


@dataclass(frozen=True)
class Finding:
    """Something wrong (``blocking``) or worth knowing, with the figures compared and the rule it comes from."""

    code: str
    message: str
    section: str
    source: str
    blocking: bool = True
    figures: dict[str, str] = field(default_factory=dict)
    # Where it is corrected: the name of a field of the section, or nothing for the plan as a whole; and its name.
    field: str = ""
    topic: str = "Équilibre du plan"


@dataclass(frozen=True)
class Assessment:
    """Totals in euros, rates between 0 and 1 (None where there is nothing to divide by), findings."""

    total_cost: Decimal
    excluded_cost: Decimal
    eligible_cost: Decimal
    investment_cost: Decimal
    operating_cost: Decimal
    requested: Decimal | None
    own: Decimal
    public_aid: Decimal
    private: Decimal
    total_resources: Decimal
    gap: Decimal
    aid_rate: Decimal | None
    public_aid_rate: Decimal | None
    largest_aid: Decimal
    possible_aid: Decimal
    own_share_required: Decimal
    tax_basis: str
    findings: tuple[Finding, ...]

    @property
    def blocking(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.blocking]

    @property
    def surplus(self) -> Decimal:
        """By how much resources pass costs, in euros; negative when costs pass resources."""
        return -self.gap

    @property
    def is_balanced(self) -> bool:
        return self.gap == 0


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, ZERO)


def largest_aid(eligible_cost: Decimal, terms: Terms) -> Decimal:
    """The most that may be asked for this eligible cost, in euros, rounded down to the cent."""
    if terms.flat_amount is not None:
        return min(terms.flat_amount, eligible_cost)
    ceiling = (eligible_cost * terms.aid_rate).quantize(CENT, ROUND_DOWN)
    return ceiling if terms.amount_max is None else min(ceiling, terms.amount_max)


def own_share_required(plan: Plan) -> Decimal:
    """What the authority itself must bring beside the aids of the plan, in euros (CGCT L1111-10 III).

    20 % of the public financing (its own share included) of the investment part of the project: public financing is
    spread over investment and operating in proportion to their costs, and operating costs ask for nothing. The amount
    depends on the aids alone: whoever brings it has brought enough, since bringing more raises the whole as well.
    """
    part = _share_part(plan)
    if not part:
        return ZERO
    total = _sum(cost.amount for cost in plan.costs)
    aids = _sum(row.amount for row in plan.resources if row.kind in PUBLIC_AID) + (plan.amount_requested or ZERO)
    return (aids * part / (total - part)).quantize(CENT, ROUND_UP)


def _share_part(plan: Plan) -> Decimal:
    """A fifth of the investment, in euros; zero where the rule does not apply."""
    if not plan.terms.requires_own_share or plan.is_overseas or plan.has_derogation:
        return ZERO
    return OWN_SHARE * _sum(cost.amount for cost in plan.costs if cost.nature == CostNature.INVESTMENT)


def possible_aid(plan: Plan) -> Decimal:
    """The most that may be asked beside the other resources of the plan, in euros: the ceiling of the axis, lowered by
    the own share and by the other public aids, which stop together at the eligible cost. A flat amount is that amount.
    """
    if plan.terms.flat_amount is not None:
        return plan.terms.flat_amount
    eligible = _sum(cost.amount for cost in plan.costs if cost.category not in plan.terms.excluded_categories)
    ceiling = largest_aid(eligible, plan.terms)
    others = _sum(row.amount for row in plan.resources if row.kind in PUBLIC_AID)
    total = _sum(cost.amount for cost in plan.costs)
    left = total - _sum(row.amount for row in plan.resources if row.kind == FundingKind.PRIVATE)
    part = _share_part(plan)
    if part:
        # From own_share_required: aids + aids × part / (total - part) may not pass what private money leaves to pay.
        left = (left * (total - part) / total).quantize(CENT, ROUND_DOWN)
    return max(ZERO, min(ceiling, min(eligible, left) - others))


def assess(plan: Plan) -> Assessment:
    """Everything the pages, the list of what is missing and the submission need to know about a plan."""
    total_cost = _sum(cost.amount for cost in plan.costs)
    excluded = _sum(cost.amount for cost in plan.costs if cost.category in plan.terms.excluded_categories)
    eligible = total_cost - excluded
    requested = plan.amount_requested or ZERO
    public_aid = requested + _sum(row.amount for row in plan.resources if row.kind in PUBLIC_AID)
    total_resources = requested + _sum(row.amount for row in plan.resources)
    figures = Assessment(
        total_cost=total_cost,
        excluded_cost=excluded,
        eligible_cost=eligible,
        investment_cost=_sum(cost.amount for cost in plan.costs if cost.nature == CostNature.INVESTMENT),
        operating_cost=_sum(cost.amount for cost in plan.costs if cost.nature == CostNature.OPERATING),
        requested=plan.amount_requested,
        own=_sum(row.amount for row in plan.resources if row.kind == FundingKind.OWN),
        public_aid=public_aid,
        private=_sum(row.amount for row in plan.resources if row.kind == FundingKind.PRIVATE),
        total_resources=total_resources,
        gap=total_cost - total_resources,
        aid_rate=_rate(plan.amount_requested, eligible),
        public_aid_rate=_rate(public_aid, eligible),
        largest_aid=largest_aid(eligible, plan.terms),
        possible_aid=possible_aid(plan),
        own_share_required=own_share_required(plan),
        tax_basis=plan.tax_basis,
        findings=(),
    )
    if not plan.costs:
        return figures
    findings = [*_findings_on_costs(plan, figures), *_findings_on_aid(plan, figures), *_findings_on_law(plan, figures)]
    return Assessment(**{**vars(figures), "findings": tuple(findings)})


def _rate(part: Decimal | None, whole: Decimal) -> Decimal | None:
    return None if part is None or not whole else (part / whole).quantize(Decimal("0.0001"))


def _findings_on_costs(plan: Plan, totals: Assessment) -> list[Finding]:
    found = []
    if totals.excluded_cost:
        names = sorted(
            {str(CostCategory(c.category).label) for c in plan.costs if c.category in plan.terms.excluded_categories}
        )
        found.append(
            Finding(
                "excluded_costs",
                f"Cet axe ne finance pas les dépenses de {', '.join(names)}{NBSP}: {euros(totals.excluded_cost)} "
                f"sortent du calcul. Le coût éligible est de {euros(totals.eligible_cost)}.",
                "depenses",
                plan.terms.source,
                blocking=False,
                figures=_figures(excluded=totals.excluded_cost, eligible=totals.eligible_cost),
            )
        )
    if plan.amount_requested is not None and totals.gap:
        more, less = ("dépenses", "ressources") if totals.gap > 0 else ("ressources", "dépenses")
        found.append(
            Finding(
                "unbalanced",
                f"Le plan n’est pas équilibré{NBSP}: les {more} dépassent les {less} de {euros(abs(totals.gap))} "
                f"(dépenses {euros(totals.total_cost)}, ressources {euros(totals.total_resources)}).",
                "financement",
                "Règlement de l’appel\u00a0: les ressources égalent les dépenses",
                figures=_figures(cost=totals.total_cost, resources=totals.total_resources),
            )
        )
    return found


def _findings_on_aid(plan: Plan, totals: Assessment) -> list[Finding]:
    terms, asked = plan.terms, plan.amount_requested
    if asked is None:
        return []
    if terms.flat_amount is not None:
        if totals.eligible_cost < terms.flat_amount:
            return [
                _aid(
                    "below_flat",
                    f"L’aide est un forfait de {euros(terms.flat_amount)}{NBSP}: elle suppose au moins autant de dépenses "
                    f"éligibles, et les vôtres font {euros(totals.eligible_cost)}.",
                    plan,
                    eligible=totals.eligible_cost,
                )
            ]
        if asked == terms.flat_amount:
            return []
        return [
            _aid("not_flat", f"L’aide est un forfait de {euros(terms.flat_amount)}{NBSP}: demandez ce montant.", plan)
        ]
    found = []
    ceiling = (totals.eligible_cost * terms.aid_rate).quantize(CENT, ROUND_DOWN)
    if asked > ceiling:
        rate = f"{(terms.aid_rate * 100).normalize():f}".replace(".", ",")
        found.append(
            _aid(
                "above_rate",
                f"L’aide demandée, {euros(asked)}, dépasse {rate}{NBSP}% du coût éligible de "
                f"{euros(totals.eligible_cost)}.{_most(plan, totals)}",
                plan,
                ceiling=ceiling,
            )
        )
    if terms.amount_max is not None and asked > terms.amount_max:
        found.append(_aid("above_maximum", f"L’aide est plafonnée à {euros(terms.amount_max)} par projet.", plan))
    if terms.amount_min is not None and asked < terms.amount_min:
        found.append(_aid("below_minimum", f"L’aide demandée doit atteindre {euros(terms.amount_min)}.", plan))
    return found


def _most(plan: Plan, totals: Assessment) -> str:
    """What may be asked instead; nothing where no amount passes."""
    if totals.possible_aid < (plan.terms.amount_min or CENT):
        return ""
    return f" Vous pouvez demander {euros(totals.possible_aid)} au plus."


def _aid(code: str, message: str, plan: Plan, **figures: Decimal) -> Finding:
    asked = plan.amount_requested or ZERO
    return Finding(
        code,
        message,
        "financement",
        plan.terms.source,
        figures=_figures(requested=asked, **figures),
        field="amount_requested",
        topic="Aide demandée",
    )


def _findings_on_law(plan: Plan, totals: Assessment) -> list[Finding]:
    found = []
    # A flat amount above the cost is said once, with what to do.
    says_flat = plan.terms.flat_amount is not None and totals.eligible_cost < plan.terms.flat_amount
    if totals.public_aid > totals.eligible_cost and plan.amount_requested is not None and not says_flat:
        found.append(
            Finding(
                "public_aid_above_cost",
                f"Le total des aides publiques, {euros(totals.public_aid)}, dépasse le coût éligible de "
                f"{euros(totals.eligible_cost)}.",
                "financement",
                f"{DECREE}, art. 10",
                figures=_figures(public_aid=totals.public_aid, eligible=totals.eligible_cost),
                field="amount_requested",
                topic="Aide demandée",
            )
        )
    if plan.amount_requested is not None and totals.own < totals.own_share_required:
        found.append(
            Finding(
                "own_share_too_low",
                f"Pour un investissement, votre collectivité apporte elle-même au moins 20{NBSP}% des financements "
                f"publics. Avec {euros(totals.public_aid)} d’aides publiques, il faut "
                f"{euros(totals.own_share_required)} d’autofinancement{NBSP}; le vôtre est de {euros(totals.own)}. "
                "Augmentez-le, demandez moins d’aide, ou indiquez la dérogation dont vous bénéficiez.",
                "financement",
                "CGCT, art. L. 1111-10, III",
                figures=_figures(own=totals.own, required=totals.own_share_required),
                field="amount_requested",
                topic="Autofinancement",
            )
        )
    return found


def _figures(**amounts: Decimal) -> dict[str, str]:
    return {name: amount_text(amount) for name, amount in amounts.items()}


def terms_from(terms: "AxisTerms") -> Terms:
    """The terms of an axis as the pure functions want them."""
    return Terms(
        aid_rate=terms.aid_rate,
        amount_min=terms.amount_min,
        amount_max=terms.amount_max,
        flat_amount=terms.flat_amount,
        excluded_categories=frozenset(terms.excluded_categories),
        requires_own_share=terms.requires_own_share,
        source=terms.source,
    )


def plan_of(application: "Application", terms: "AxisTerms") -> Plan:
    """The plan stored on a dossier. Two queries, or none when its lines are prefetched."""
    costs = tuple(Cost(row.amount, row.category, row.nature, row.label) for row in application.cost_lines.all())
    resources = tuple(Resource(row.amount, row.kind) for row in application.funding_lines.all())
    return Plan(
        costs=costs,
        resources=resources,
        amount_requested=application.amount_requested,
        terms=terms_from(terms),
        tax_basis=application.tax_basis,
        is_overseas=application.departement_code in OVERSEAS or application.region_code in OVERSEAS_REGIONS,
        has_derogation=bool(application.own_share_derogation.strip()),
    )


def describe_tax_basis(tax_basis: str) -> str:
    """« hors taxes (HT) », or an empty text when nobody said."""
    labels: dict[str, Any] = dict(TaxBasis.choices)
    return str(labels.get(tax_basis, ""))
