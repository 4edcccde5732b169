"""Is this authority, or this grouping, eligible to an axis of a call at a given instant?

Rules are data of a version of the call; each is evaluated by a small class (``rules``) on what is known of the
candidate (``candidate``), and the answer can be kept as it is (``verdict``).
"""

from calls.eligibility.candidate import Candidate, Member, candidate_of
from calls.eligibility.engine import evaluate, evaluate_axes, rules_version_at
from calls.eligibility.verdict import AxisVerdict, RuleResult

__all__ = [
    "AxisVerdict",
    "Candidate",
    "Member",
    "RuleResult",
    "candidate_of",
    "evaluate",
    "evaluate_axes",
    "rules_version_at",
]
