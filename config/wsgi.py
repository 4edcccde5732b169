"""WSGI entry point: ``gunicorn config.wsgi:application``."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("GUICHET_PROCESS", "web")

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
