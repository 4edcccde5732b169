import pytest
from hypothesis import given
from hypothesis import strategies as st

from territories.names import normalise


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("Saint-Étienne", "saint etienne"),
        ("st etienne", "saint etienne"),
        ("Ste-Marie", "sainte marie"),
        ("L'Haÿ-les-Roses", "l hay les roses"),
        ("L’Haÿ les Roses", "l hay les roses"),
        ("Œuilly", "oeuilly"),
        ("  CU  d'Arras ", "cu d arras"),
        ("Étréchy", "etrechy"),
        ("Bæ", "bae"),
        ("%_\\", ""),
    ],
)
def test_normalise_gives_plain_words(typed, stored):
    assert normalise(typed) == stored


@given(st.text(max_size=60))
def test_normalise_is_stable_and_holds_only_letters_digits_and_single_spaces(text):
    once = normalise(text)
    assert normalise(once) == once
    assert set(once) <= set("abcdefghijklmnopqrstuvwxyz0123456789 ")
    assert "  " not in once
    assert once == once.strip()
