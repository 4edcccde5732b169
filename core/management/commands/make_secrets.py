"""``manage.py make_secrets``: the secrets of a deployment, made once."""

import os
import secrets
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = "Écrit les secrets d'un déploiement (mots de passe, clé du site) dans un fichier lisible par vous seul."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--output", default=str(settings.BASE_DIR / "deploy" / "secrets.env"))
        parser.add_argument("--database-host", default="postgres")
        parser.add_argument("--redis-host", default="redis")

    def handle(self, *args: Any, **options: Any) -> None:
        path = Path(options["output"])
        owner, app, redis = (secrets.token_urlsafe(24) for _ in range(3))
        host = options["database_host"]
        lines = {
            "GUICHET_SECRET_KEY": secrets.token_urlsafe(64),
            "POSTGRES_PASSWORD": secrets.token_urlsafe(24),
            "GUICHET_OWNER_PASSWORD": owner,
            "GUICHET_APP_PASSWORD": app,
            "DATABASE_URL": f"postgresql://guichet_app:{app}@{host}:5432/guichet",
            "OWNER_DATABASE_URL": f"postgresql://guichet_owner:{owner}@{host}:5432/guichet",
            "REDIS_PASSWORD": redis,
            "REDIS_URL": f"redis://:{redis}@{options['redis_host']}:6379/0",
            "BROKER_URL": f"redis://:{redis}@{options['redis_host']}:6379/0",
        }
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError as error:
            raise CommandError(
                f"{path} existe déjà : supprimez-le d'abord si vous voulez de nouveaux secrets."
            ) from error
        with os.fdopen(descriptor, "w") as handle:
            handle.writelines(f"{name}={value}\n" for name, value in lines.items())
        self.stdout.write(f"Secrets écrits dans {path}")
