"""What a juror still owes, told to the agent who closes their account."""

from collections.abc import Iterator
from datetime import datetime

from accounts.hooks import Right
from accounts.models import User
from core.navigation import counted
from jury.permissions import due_evaluations


def evaluations_told(user: User, by: User, at: datetime) -> Iterator[Right]:
    """One sentence when evaluations wait for the person: nobody else hands them in."""
    if told := counted(due_evaluations(user).count(), "évaluation à remettre", "évaluations à remettre"):
        yield Right(f"{told}, que la présidence du jury devra confier à d’autres")
