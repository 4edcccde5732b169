import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st
from stdnum.fr import siren as siren_number

from territories.sirets import fictitious_siren, fictitious_siret, validate_siren, validate_siret


@pytest.mark.parametrize("siret", ["24350013900012"[:9] + "00189", "73282932000074", "732 829 320 00074"])
def test_siret_with_a_right_key_is_accepted(siret):
    validate_siret(siret)


@pytest.mark.parametrize("siret", ["35600000000048", "35600000049837"])
def test_la_poste_has_a_key_of_its_own(siret):
    validate_siret(siret)


@pytest.mark.parametrize(
    ("siret", "message"),
    [
        ("73282932000075", "clé de contrôle"),
        ("7328293200007", "14 chiffres"),
        ("7328293200007a", "14 chiffres"),
        ("", "14 chiffres"),
        ("٧٣٢٨٢٩٣٢٠٠٠٠٧٤", "14 chiffres"),
    ],
)
def test_wrong_siret_is_refused_in_french(siret, message):
    with pytest.raises(ValidationError, match=message):
        validate_siret(siret)


def test_wrong_siren_is_refused_in_french():
    validate_siren("243 500 139")
    with pytest.raises(ValidationError, match="clé de contrôle"):
        validate_siren("243500138")
    with pytest.raises(ValidationError, match="9 chiffres"):
        validate_siren("24350013")


@given(st.text(max_size=30), st.integers(min_value=1, max_value=9999))
def test_fictitious_numbers_have_a_right_key_and_are_always_the_same(seed, office):
    siren = fictitious_siren(seed)
    assert siren.startswith("99")
    assert siren == fictitious_siren(seed)
    siren_number.validate(siren)
    validate_siret(fictitious_siret(siren, office))
    validate_siret(fictitious_siret("243500139", office))
