"""Celery application: ``celery -A config worker`` and ``celery -A config beat``."""

import logging
import os

from celery import Celery
from django_structlog.celery.steps import DjangoStructLogInitStep

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

# A library that warns writes a line of the log like any other, not loose text on the standard error.
logging.captureWarnings(True)

app = Celery("guichet")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.steps["worker"].add(DjangoStructLogInitStep)
app.autodiscover_tasks()
