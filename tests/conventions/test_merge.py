"""The text's closed list of fields."""

import pytest

from conventions.data import transformation_numerique as text
from conventions.merge import FIELDS, UnknownField, check, fill, typeset
from core.money import NBSP

VALUES = {name: f"[{name}]" for name in FIELDS}


def test_every_article_uses_known_fields_only():
    for _, _, _, body in text.ARTICLES:
        check(body)
    check(text.PREAMBLE)


@pytest.mark.parametrize("body", ["{inconnu}", "{{ user.password }}", "{% load x %}", "{", "}", "{Numero}", "{numero"])
def test_check_refuses_what_is_not_in_the_list(body):
    with pytest.raises(UnknownField):
        check(body)


def test_fill_escapes_and_never_fills_twice():
    html = fill("Projet {projet}.", {**VALUES, "projet": "<script>{iban}</script>"})
    assert html == "<p>Projet &lt;script&gt;{iban}&lt;/script&gt;.</p>"


def test_fill_makes_paragraphs_and_lists():
    assert fill("Un.\n\n- a ;\n- b.\n", VALUES) == f"<p>Un.</p>\n<ul><li>a{NBSP};</li><li>b.</li></ul>"


def test_typeset_binds_what_no_line_may_break():
    assert typeset("n° 4 : « a » ? 20 %") == f"n°{NBSP}4{NBSP}: «{NBSP}a{NBSP}»{NBSP}? 20{NBSP}%"
    assert typeset("http://guichet.example") == "http://guichet.example"


@pytest.mark.parametrize("words", ["article 14", "Articles 8", "annexe 2", "article L. 1111-10", "article R. 421-1"])
def test_reference_and_its_number_stay_on_one_line(words):
    name, _, number = words.partition(" ")
    assert f"{name}{NBSP}{number}" in typeset(f"Voir {words} du texte.")
