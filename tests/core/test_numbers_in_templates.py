"""A number that a browser sends back, or follows, is written without thousands separators."""

import re
from pathlib import Path

from django.template import Context, Template

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"
# An attribute that is sent or followed, and in it a variable that ends like a number.
SENT = re.compile(r"\b(?:value|href|action|id|for|name|data-[a-z-]+|aria-[a-z]+|hx-[a-z]+)=\"([^\"]*)\"")
NUMBER = re.compile(r"{{ *[\w.]*\b(?:pk|id|\w+_id|version|year|vintage|page|more|count) *}}")
WORDS = re.compile(r"{{ *(?:\w+\.)*(?:auto_id|css_id|self\.id|attrs\.id|input\.id|widget\.attrs\.id|options_id) *}}")


def raw_numbers(text):
    return [
        found.group()
        for attribute in SENT.finditer(text)
        for found in NUMBER.finditer(attribute.group(1))
        if not WORDS.fullmatch(found.group())
    ]


def test_what_is_looked_for_is_a_danger():
    assert Template('value="{{ n }}"').render(Context({"n": 1234})) != 'value="1234"'
    assert Template("value=\"{{ n|stringformat:'d' }}\"").render(Context({"n": 1234})) == 'value="1234"'
    assert raw_numbers('<input value="{{ list.version }}"><a href="?membres={{ more }}">')
    assert not raw_numbers('<input value="{{ account.pk|stringformat:\'d\' }}" id="{{ field.auto_id }}">')


def test_numbers_sent_by_a_page_are_written_plainly():
    found = {str(path.relative_to(TEMPLATES)): raw_numbers(path.read_text()) for path in TEMPLATES.rglob("*.html")}
    assert len(found) > 100
    assert {path: numbers for path, numbers in found.items() if numbers} == {}
