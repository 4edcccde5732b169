"""``manage.py make_secrets``: the secrets of a deployment, made once, each service getting only its own."""

import os
import secrets
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = (
        "Écrit les secrets d’un déploiement dans site.env, owner.env, postgres.env et redis.env, lisibles par vous "
        "seul. Refuse d’écraser un fichier qui existe."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--directory", type=Path, default=settings.BASE_DIR / "deploy", help="dossier à remplir")
        parser.add_argument("--database-host", default="postgres")
        parser.add_argument("--redis-host", default="redis")

    def handle(self, *args: Any, **options: Any) -> None:
        files = {
            options["directory"] / f"{name}.env": content
            for name, content in environments(options["database_host"], options["redis_host"]).items()
        }
        present = [str(path) for path in files if path.exists()]
        if present:
            raise CommandError(
                f"Rien n’a été écrit, car ces fichiers existent déjà : {', '.join(present)}. "
                "Une base déjà créée garde les anciens mots de passe."
            )
        for path, content in files.items():
            # O_EXCL: of two commands at the same time, one stops here.
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as handle:
                handle.writelines(f"{name}={value}\n" for name, value in content.items())
            self.stdout.write(f"Écrit : {path}")


def environments(database_host: str, redis_host: str) -> dict[str, dict[str, str]]:
    """Fresh secrets by file: the site's, the owner's (migrations, backups), PostgreSQL's and Redis's own."""
    superuser, owner, app, redis = (secrets.token_urlsafe(24) for _ in range(4))
    redis_url = f"redis://:{redis}@{redis_host}:6379/0"
    return {
        "site": {
            "GUICHET_SECRET_KEY": secrets.token_urlsafe(64),
            "DATABASE_URL": f"postgresql://guichet_app:{app}@{database_host}:5432/guichet",
            "REDIS_URL": redis_url,
            "BROKER_URL": redis_url,
        },
        "owner": {"OWNER_DATABASE_URL": f"postgresql://guichet_owner:{owner}@{database_host}:5432/guichet"},
        "postgres": {
            "POSTGRES_PASSWORD": superuser,
            "GUICHET_OWNER_PASSWORD": owner,
            "GUICHET_APP_PASSWORD": app,
        },
        "redis": {"REDIS_PASSWORD": redis},
    }
