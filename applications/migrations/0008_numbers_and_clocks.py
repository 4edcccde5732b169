import re

from django.db import migrations
from django.db.models import F

ONLY_DIGITS = re.compile(r"\d+")


def number_series_by_prefix(apps, schema_editor):
    """Two calls of the same initials draw from one series: numbers are unique among all dossiers."""
    series = apps.get_model("core", "NumberSeries").objects.using(schema_editor.connection.alias)
    for row in list(series.filter(code__regex=r"^application:.+:\d{4}$")):
        _, code, year = row.code.split(":")
        words = [word for word in code.split("-") if word and not ONLY_DIGITS.fullmatch(word)]
        prefix = (words[0] if len(words) == 1 else "".join(word[0] for word in words)).upper()[:8] or "DOS"
        known, _ = series.get_or_create(code=f"application:{prefix}-{year}")
        known.last = max(known.last, row.last)
        known.save()
        row.delete()


def count_the_time_given(apps, schema_editor):
    """Where items are awaited, the limit of the decision now already holds the time given to send them."""
    requests = apps.get_model("applications", "CompletionRequest").objects.using(schema_editor.connection.alias)
    rows = requests.filter(answered_at__isnull=True, application__state="completion_requested")
    for request in rows.select_related("application"):
        request.application.decision_due_at += request.due_at - request.requested_at
        request.application.save(update_fields=["decision_due_at"])


def count_late_answers_no_longer(apps, schema_editor):
    """An answer that came after the time given had stopped the clock for too long, where nobody has decided yet."""
    requests = apps.get_model("applications", "CompletionRequest").objects.using(schema_editor.connection.alias)
    rows = requests.filter(answered_at__gt=F("due_at"), application__state__in=("submitted", "admissible"))
    for request in rows.select_related("application"):
        request.application.decision_due_at -= request.answered_at - request.due_at
        request.application.save(update_fields=["decision_due_at"])


class Migration(migrations.Migration):
    dependencies = [("applications", "0007_staff_in_plain_words"), ("core", "0006_abandoned_messages")]

    operations = [
        migrations.RunPython(number_series_by_prefix, migrations.RunPython.noop),
        migrations.RunPython(count_the_time_given, migrations.RunPython.noop),
        migrations.RunPython(count_late_answers_no_longer, migrations.RunPython.noop),
    ]
