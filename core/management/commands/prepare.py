"""``manage.py prepare``: what a deployment does once per version, before web, worker and beat start."""

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.test.utils import override_settings
from whitenoise.compress import Compressor

# The design system in pieces, beside the whole that pages load.
UNUSED = [
    *("*.md", "*.scss", "*.map"),
    *(f"dsfr/dist/{folder}/*" for folder in ("analytics", "component", "core", "dsfr", "legacy", "scheme")),
]


class Command(BaseCommand):
    help = "Applique les migrations, rassemble les fichiers statiques, charge les territoires et l’appel à projets."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write("Base de données : migrations")
        call_command("migrate", verbosity=0, interactive=False)
        self.stdout.write("Pages : fichiers statiques")
        collect_static()
        self.stdout.write("Territoires : millésimes")
        call_command("load_territories")
        self.stdout.write("Appel à projets")
        call_command("install_call")


def collect_static(*, is_compressed: bool = True) -> None:
    """Gathers and names the static files by their content, as web and worker serve them.

    Compressing takes several times longer than the rest: left out where nothing travels over a network.
    """
    library = "whitenoise.storage.CompressedManifestStaticFilesStorage"
    plain = "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
    with override_settings(
        STORAGES={**settings.STORAGES, "staticfiles": {"BACKEND": library if is_compressed else plain}},
        WHITENOISE_KEEP_ONLY_HASHED_FILES=True,
        # Icons, a thousand of them, each smaller than what would announce its compression.
        WHITENOISE_SKIP_COMPRESS_EXTENSIONS=(*Compressor.SKIP_COMPRESS_EXTENSIONS, "svg"),
    ):
        call_command("collectstatic", verbosity=0, interactive=False, ignore_patterns=UNUSED)
