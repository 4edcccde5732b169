"""A name that no view gave to one of our templates fails the test, in the browser's pages too.

Django writes nothing in its place: a link without address, a sentence with a hole. ``{% if name %}`` and
``{{ name|default:… }}`` stay the ways to say that a value is optional; other people's templates are left alone.
"""

import sys
from pathlib import Path
from types import FrameType

from django.conf import settings

OURS = str(Path(settings.BASE_DIR) / "templates")
OPTIONAL = {"default", "default_if_none"}


class UndefinedVariable(Exception):
    """The template and the name that nobody gave it."""


class Watchful(str):
    """The text that stands for an undefined name: empty, and it looks at who asks for it."""

    __slots__ = ()

    def __bool__(self) -> bool:
        frame = sys._getframe(1)
        if frame.f_code.co_qualname == "FilterExpression.resolve":
            expression = frame.f_locals["self"]
            optional = expression.filters and expression.filters[0][0].__name__ in OPTIONAL
            template = _template(frame)
            if template.startswith(OURS) and not optional:
                raise UndefinedVariable(f"« {expression.token} » in {template}")
        return False


def _template(frame: FrameType | None) -> str:
    """The file of the node that is being rendered."""
    while frame is not None:
        if frame.f_code.co_name == "render_annotated":
            origin = getattr(frame.f_locals.get("self"), "origin", None)
            if origin is not None:
                return str(origin.name)
        frame = frame.f_back
    return ""


def watch() -> None:
    """To be called before the first template is loaded."""
    settings.TEMPLATES[0]["OPTIONS"]["string_if_invalid"] = Watchful()
