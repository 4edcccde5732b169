"""What the engine answers, ready to be shown, printed as JSON or kept on a dossier."""

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from django.utils import timezone

from calls.enums import RuleVerdict, Verdict
from territories.population import CoveredPopulation


@dataclass(frozen=True)
class RuleResult:
    """The answer of one rule: the French sentence shown to the applicant, the figures compared, the source."""

    code: str
    verdict: RuleVerdict
    message: str
    source: str
    figures: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "verdict": self.verdict.value,
            "message": self.message,
            "source": self.source,
            "figures": self.figures,
        }


@dataclass(frozen=True)
class AxisVerdict:
    """The answer for one axis at one instant, with the version of the rules and the vintage that gave it."""

    axis: str
    axis_title: str
    on: datetime
    verdict: Verdict
    rules: list[RuleResult]
    rules_version: int
    vintage: int
    population: CoveredPopulation

    @property
    def is_eligible(self) -> bool:
        return self.verdict == Verdict.ELIGIBLE

    def as_json(self) -> dict[str, Any]:
        """Everything, as JSON values; instants in Europe/Paris."""
        return {
            "axis": self.axis,
            "on": timezone.localtime(self.on).isoformat(),
            "verdict": self.verdict.value,
            "rules": [rule.as_json() for rule in self.rules],
            "rules_version": self.rules_version,
            "vintage": self.vintage,
            "population": asdict(self.population),
        }


def combine(results: list[RuleResult]) -> Verdict:
    """One rule that fails refuses; else one that cannot tell leaves the whole in doubt. No rule: cannot tell."""
    found = {result.verdict for result in results}
    if RuleVerdict.FAILED in found:
        return Verdict.NOT_ELIGIBLE
    if RuleVerdict.UNKNOWN in found or not found:
        return Verdict.UNKNOWN
    return Verdict.ELIGIBLE
