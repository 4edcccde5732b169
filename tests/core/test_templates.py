"""What no template may hold, read from the files themselves."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.template import engines
from django.template.loader import get_template

from tests.template_variables import UndefinedVariable

ROOT = Path(__file__).resolve().parents[2] / "templates"
# Rendered as PDF, never in a browser: they carry their own styles, but neither script nor handler.
DOCUMENTS = re.compile(r"/documents?/|_pdf\.html$|^jury/minutes\.html$")
FILES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.html"))
TEMPLATE_SYNTAX = re.compile(r"{#.*?#}|{%.*?%}|{{.*?}}", re.S)
COMMENT = re.compile(r"{%\s*comment.*?endcomment\s*%}", re.S)


class Attributes(HTMLParser):
    """Collects inline handlers, inline styles and scripts without nonce."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        names = dict(attrs)
        self.found += [f"{tag} {name}" for name in names if name == "style" or re.fullmatch(r"on[a-z]+", name)]
        self.found += [f"{tag} javascript:" for value in names.values() if (value or "").startswith("javascript:")]
        # htmx would evaluate these, which the policy refuses.
        self.found += [f"{tag} {name}" for name in names if name.startswith("hx-on")]
        self.found += [f"{tag} {name} js:" for name, value in names.items() if (value or "").startswith("js:")]
        data = names.get("type") in {"application/json", "application/ld+json"}
        if tag in {"script", "style"} and "src" not in names and "nonce" not in names and not data:
            self.found.append(f"{tag} without nonce")


def inline(source: str) -> list[str]:
    source = COMMENT.sub("", source)
    nonce = source.replace("{{ CSP_NONCE }}", "nonce")
    reader = Attributes()
    reader.feed(TEMPLATE_SYNTAX.sub("", nonce))
    return reader.found


@pytest.mark.parametrize("name", FILES)
def test_template_has_no_inline_handler_style_or_script(name):
    found = inline((ROOT / name).read_text(encoding="utf-8"))
    if DOCUMENTS.search(name):
        found = [text for text in found if text.split()[0] != "style" and text.split()[-1] != "style"]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        '<p style="color:red">',
        '<button onclick="go()">',
        "<script>go()</script>",
        "<style>p {}</style>",
        '<p hx-on:click="go()">',
        '<p hx-vals="js:{a: go()}">',
        '<a href="javascript:go()">',
        '<button {% if x %}disabled{% endif %} onclick="{{ y }}">',
    ],
)
def test_inline_reader_sees_what_is_forbidden(source):
    assert inline(source)


@pytest.mark.parametrize("name", FILES)
def test_comment_ends_on_its_line(name):
    """Django shows « {# … #} » written on two lines as it stands, on top of the page."""
    for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
        assert line.count("{#") == line.count("#}"), line


@pytest.mark.parametrize("name", FILES)
def test_template_compiles(name):
    assert get_template(name)


def test_dsfr_overrides_win_over_the_library():
    for name in ("notice", "alert", "tag", "button", "input", "select", "callout", "formset_base", "header", "footer"):
        assert str(ROOT) in get_template(f"dsfr/{name}.html").origin.name


@pytest.mark.parametrize("tag", ["dsfr_alert", "dsfr_notice"])
def test_dsfr_library_texts_are_escaped(tag):
    template = engines["django"].from_string(f"{{% load dsfr_tags %}}{{% {tag} data %}}")
    data = {"title": "t", "type": "info", "content": "<img src=x>", "description": "<img src=x>", "id": "a"}
    assert "<img" not in template.render({"data": data})


@pytest.mark.parametrize("name", [file for file in FILES if file.startswith(("components/", "dsfr/"))])
def test_component_states_its_arguments(name):
    first = (ROOT / name).read_text(encoding="utf-8")[:600]
    assert first.startswith(("{#", "{% comment %}"))
    assert re.search(r"[Aa]rgument", first)


def test_undefined_name_in_our_template_fails():
    page = engines["django"].from_string("{{ nobody_gave_this }}")
    page.template.origin.name = str(ROOT / "page.html")
    for node in page.template.nodelist:
        node.origin = page.template.origin
    with pytest.raises(UndefinedVariable, match="nobody_gave_this"):
        page.render({})


@pytest.mark.parametrize("source", ["{{ x|default:'-' }}", "{% if x %}a{% else %}-{% endif %}"])
def test_optional_name_in_our_template_is_allowed(source):
    page = engines["django"].from_string(source)
    for node in page.template.nodelist:
        node.origin.name = str(ROOT / "page.html")
    assert page.render({}) == "-"
