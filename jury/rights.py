"""What a juror still owes, told to the agent who closes their account."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Count

from accounts.hooks import Right
from accounts.models import User
from calls.backends import administered_calls
from core.navigation import counted
from jury.permissions import due_evaluations


def evaluations_told(user: User, by: User, at: datetime) -> Iterator[Right]:
    """One sentence for each call in which evaluations wait for the person; reached by whoever administers that call."""
    reached = administered_calls(by)
    call = "juror__jury__session__axis__call"
    rows = due_evaluations(user).order_by(call).values_list(call, f"{call}__title").annotate(count=Count("pk"))
    for call_id, title, count in rows:
        told = counted(count, "évaluation à remettre", "évaluations à remettre")
        yield Right(
            f"{told}\u00a0: {title}, à confier à d’autres lecteurs", is_reached=by.is_superuser or call_id in reached
        )
