"""Health checks of web, worker and beat, for the load balancer and for monitoring."""

from datetime import timedelta

from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from core.models import Heartbeat, OutboxMessage

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
    """200 when beat and a worker were seen within the last minute; with the number of waiting messages."""
    heartbeat = Heartbeat.objects.filter(name="worker").first()
    waiting = OutboxMessage.objects.filter(delivered_at__isnull=True, abandoned_at__isnull=True).count()
    alive = heartbeat is not None and timezone.now() - heartbeat.seen_at < SILENCE
    return JsonResponse({"status": "ok" if alive else "silent", "waiting": waiting}, status=200 if alive else 503)
