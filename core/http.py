"""What an address answers to."""

from collections.abc import Callable
from typing import Any

from django.http.response import HttpResponseBase
from django.views.decorators.http import require_POST

View = Callable[..., HttpResponseBase]


def posts_only(view: View) -> View:
    """The view takes a form and nothing else: ``core.returning`` never sends anybody to read its address."""
    guarded: Any = require_POST(view)
    guarded.posts_only = True
    return guarded
