"""What people read has the apostrophe of French typography, wherever it is written."""

import re
from collections.abc import Iterator
from pathlib import Path

from django.apps import apps
from django.db import models

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"

STRAIGHT = re.compile(r"[a-zéèêàçù]'[a-zéèêàçùœ]", re.IGNORECASE)
ROOMS = {"accounts", "applications", "budget", "calls", "conventions", "core", "jury", "territories"}
MACHINE = re.compile(
    r"{% comment %}.*?{% endcomment %}|{%.*?%}|{{.*?}}|{#.*?#}|<(script|style).*?</\1>|<[^>]*>", re.DOTALL
)


def labels() -> Iterator[tuple[str, str]]:
    for model in apps.get_models():
        options = model._meta
        if options.app_label not in ROOMS:
            continue
        yield options.label, str(options.verbose_name)
        yield options.label, str(options.verbose_name_plural)
        for constraint in options.constraints:
            yield f"{options.label}.{constraint.name}", str(constraint.violation_error_message)
        for field in options.get_fields():
            if isinstance(field, models.Field):
                texts = [field.verbose_name, field.help_text, *(label for _, label in field.flatchoices)]
                yield from ((f"{options.label}.{field.name}", str(text)) for text in texts)


def test_labels_of_the_models_have_french_apostrophes() -> None:
    found = list(labels())
    assert len(found) > 500
    assert [row for row in found if STRAIGHT.search(row[1])] == []


def test_sentences_of_the_templates_have_french_apostrophes() -> None:
    pages = [path for path in TEMPLATES.rglob("*") if path.suffix in {".html", ".txt"}]
    assert len(pages) > 100
    found = [
        (path.name, line.strip())
        for path in pages
        for line in MACHINE.sub(" ", path.read_text()).splitlines()
        if STRAIGHT.search(line)
    ]
    assert found == []
