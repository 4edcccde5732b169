"""Health checks of web, worker and beat, for the load balancer and for monitoring."""

from datetime import timedelta

from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.db.models import Count, Q
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from core import outbox
from core.models import Heartbeat, JournalAnchor, JournalEntry, OutboxMessage

# The journal is sealed each night; one night missed is trouble.
UNSEALED = timedelta(hours=36)
# Beat sends a sign of life each 15 seconds; four missed is trouble.
SILENCE = timedelta(seconds=60)


@login_not_required
@never_cache
@require_safe
def health_web(request: HttpRequest) -> JsonResponse:
    """200 when this process reaches its database. Redis is not asked: pages do not need it."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return JsonResponse({"status": "database unavailable"}, status=503)
    return JsonResponse({"status": "ok"})


@login_not_required
@never_cache
@require_safe
def health_jobs(request: HttpRequest) -> JsonResponse:
    """200 when beat and a worker were seen within the last minute, no message is set aside and the journal was sealed
    last night; with the number of messages that wait, of those tried in vain so far, and of those set aside.
    ``message`` says in French what is wrong.
    """
    heartbeat = Heartbeat.objects.filter(name="worker").first()
    pending = OutboxMessage.objects.filter(delivered_at__isnull=True, abandoned_at__isnull=True)
    counts = pending.aggregate(waiting=Count("pk"), retried=Count("pk", filter=Q(attempts__gt=0)))
    abandoned = outbox.abandoned_messages().count()
    status, problems = "ok", []
    if abandoned:
        status = "abandoned"
        plural = "s" if abandoned > 1 else ""
        problems.append(
            f"{abandoned} message{plural} abandonné{plural} après {outbox.ATTEMPTS_BEFORE_ABANDON} essais : "
            "corrigez la cause, puis « manage.py deliver_outbox --abandoned »."
        )
    if _is_unsealed():
        status = "unsealed"
        problems.append(
            "Le journal n’a pas été scellé depuis plus de 36 heures : voyez le journal du worker, puis « manage.py "
            "anchor_journal »."
        )
    if heartbeat is None or timezone.now() - heartbeat.seen_at >= SILENCE:
        status = "silent"
        problems.insert(0, "Aucun worker n’a donné signe de vie depuis une minute.")
    answer = {"status": status, "message": " ".join(problems), **counts, "abandoned": abandoned}
    return JsonResponse(answer, status=503 if problems else 200)


def _is_unsealed() -> bool:
    """Whether something written more than 36 hours ago was not sealed since."""
    limit = timezone.now() - UNSEALED
    first = JournalEntry.objects.order_by("id").values_list("recorded_at", flat=True).first()
    return first is not None and first < limit and not JournalAnchor.objects.filter(sealed_at__gte=limit).exists()
