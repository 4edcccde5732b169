"""``migrate`` as the owner of the schema, unless told otherwise."""

from argparse import ArgumentParser

from django.core.management.commands.migrate import Command as DjangoCommand


class Command(DjangoCommand):
    help = "Applies the migrations with the role that owns the schema (alias « owner »)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.set_defaults(database="owner")
