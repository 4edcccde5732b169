"""``migrate`` as the owner of the schema, unless told otherwise."""

from django.core.management.base import CommandParser
from django.core.management.commands.migrate import Command as DjangoCommand


class Command(DjangoCommand):
    help = "Applies the migrations with the role that owns the schema (alias « owner »)."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.set_defaults(database="owner")
