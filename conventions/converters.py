"""The number of a convention in an address."""

from django.urls import register_converter


class ConventionNumber:
    """CONV-2021-00042"""

    regex = r"[A-Z]{1,10}-[0-9]{4}-[0-9]{1,10}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(ConventionNumber, "convention")
