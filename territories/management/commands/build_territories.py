"""Turn an unpacked npm package into the compressed file that the repository ships."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from territories.referential import archive
from territories.referential.package import PackageError, read_package


class Command(BaseCommand):
    help = "Build territories/data/<year>.json.xz from an unpacked @etalab/decoupage-administratif."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--year", type=int, required=True, help="vintage that the package describes")
        parser.add_argument("--package", type=Path, required=True, help="directory that holds package.json and data/")
        parser.add_argument("--into", type=Path, default=archive.DATA_DIR, help="directory to write to")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            content = read_package(options["package"], options["year"])
        except PackageError as error:
            raise CommandError(str(error)) from error
        path = archive.write(content, options["into"])
        self.stdout.write(
            f"{path} : {len(content.communes)} communes, {len(content.groups)} groupes, "
            f"{path.stat().st_size // 1024} Kio, sha256 {archive.checksum(path)}"
        )
