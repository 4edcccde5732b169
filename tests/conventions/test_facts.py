"""The facts of a convention: words, shares, and what may not be missing."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conventions.facts import MANDATORY, _shares, amount_in_words, missing_facts
from conventions.models import Batch, Convention
from core.errors import Refused
from core.models import JournalEntry, OutboxMessage
from tests.factories.conventions import ConventionWorld


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        ("0.00", "zéro euro"),
        ("0.01", "un centime"),
        ("0.50", "cinquante centimes"),
        ("1.00", "un euro"),
        ("1.01", "un euro et un centime"),
        ("2.00", "deux euros"),
        ("21.00", "vingt et un euros"),
        ("71.00", "soixante et onze euros"),
        ("80.00", "quatre-vingts euros"),
        ("81.00", "quatre-vingt-un euros"),
        ("91.80", "quatre-vingt-onze euros et quatre-vingts centimes"),
        ("100.00", "cent euros"),
        ("200.00", "deux cents euros"),
        ("201.21", "deux cent un euros et vingt et un centimes"),
        ("1000.00", "mille euros"),
        ("80000.00", "quatre-vingt mille euros"),
        ("200000.00", "deux cent mille euros"),
        ("297000.00", "deux cent quatre-vingt-dix-sept mille euros"),
        ("1000000.00", "un million d’euros"),
        ("2000000.00", "deux millions d’euros"),
        ("80000000.00", "quatre-vingts millions d’euros"),
        ("200000000.00", "deux cents millions d’euros"),
        ("1200000.00", "un million deux cent mille euros"),
        ("1000000.50", "un million d’euros et cinquante centimes"),
        ("88000000.00", "quatre-vingt-huit millions d’euros"),
        ("1000000000.00", "un milliard d’euros"),
    ],
)
def test_amount_in_words_follows_french_agreement(amount, words):
    assert amount_in_words(Decimal(amount)) == words


class Row:
    """A beneficiary as the shares read it."""

    def __init__(self, share):
        self.share = share
        self.organisation = type("Organisation", (), {"name": "x", "siret": "1" * 14, "siret_is_fictitious": False})()


class Rows(list):
    def select_related(self, *names):
        return self

    def order_by(self, *names):
        return self


def dossier(shares):
    rows = Rows(Row(share) for share in shares)
    return type("Dossier", (), {"beneficiaries": rows, "organisation": Row(0).organisation, "siret": "2" * 14})()


cents = st.integers(min_value=0, max_value=10**11).map(lambda number: Decimal(number) / 100)


@given(shares=st.lists(cents, max_size=12), amount=st.integers(1, 10**11).map(lambda n: Decimal(n) / 100))
@settings(max_examples=300, deadline=None)
def test_shares_sum_to_the_amount_to_the_cent(shares, amount):
    split = [Decimal(row["amount"]) for row in _shares(dossier(shares), amount)]
    assert sum(split) == amount
    assert all(share >= 0 for share in split)
    assert len(split) == max(1, sum(share > 0 for share in shares))


def test_missing_facts_are_named_in_words(db):
    data = ConventionWorld(1).release()[0].data
    assert missing_facts(data) == []
    for path, label in MANDATORY.items():
        section, name = path.split(".")
        for nothing in (None, "", []):
            assert missing_facts({**data, section: {**data[section], name: nothing}}) == [label]
    assert len(missing_facts({})) == len(MANDATORY)
    assert "le mode de calcul de l’aide (taux ou forfait)" in missing_facts({}), "décret 2018-514, art. 8"


FIELDS = {
    "title": "l’intitulé du projet",
    "starts_on": "la date de début du projet",
    "siret": "le SIRET du bénéficiaire",
    "representative_name": "le représentant légal",
    "tax_basis": "la base des montants",
    "iban": "les coordonnées bancaires",
}


@pytest.mark.parametrize(("name", "words"), FIELDS.items())
def test_release_with_a_mandatory_fact_missing_is_refused_whole(db, name, words):
    world = ConventionWorld(2)
    application = world.applications[1]
    type(application).objects.filter(pk=application.pk).update(**{name: None if name == "starts_on" else ""})
    before = (JournalEntry.objects.count(), OutboxMessage.objects.count())
    with pytest.raises(Refused) as refusal:
        world.release()
    assert application.number in refusal.value.message
    assert words in refusal.value.message
    assert world.applications[0].number not in refusal.value.message
    assert not Convention.objects.exists()
    assert not Batch.objects.exists()
    assert (JournalEntry.objects.count(), OutboxMessage.objects.count()) == before
    application.refresh_from_db()
    assert application.state == "admissible"


def test_release_without_the_version_of_the_rules_is_refused_in_words(db):
    world = ConventionWorld(1)
    application = world.applications[0]
    type(application).objects.filter(pk=application.pk).update(rules_version=None)
    with pytest.raises(Refused, match="version du règlement"):
        world.release()


def test_address_of_the_organisation_comes_with_its_postal_code(db):
    world = ConventionWorld(1, seat_address="")
    assert world.release()[0].data["beneficiary"]["address"].startswith("1 place de la Mairie, 35900 Saint-Essai-")
