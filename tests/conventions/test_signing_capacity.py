"""In what capacity a person signs: the title printed under the signature is their own."""

import pytest

from conventions.services import signing as services
from tests.factories.conventions import ConventionWorld, representative_of, sign_as

pytestmark = pytest.mark.usefixtures("ready_bytes")


@pytest.fixture
def printed(monkeypatch):
    """The capacity printed under each signature, in order."""
    found, real = [], services.sign

    def kept(*args, **options):
        found.append(options["capacity"])
        return real(*args, **options)

    monkeypatch.setattr(services, "sign", kept)
    return found


@pytest.mark.parametrize(
    ("named", "title", "expected"),
    [
        ("Dominique Moreau", "maire délégué", "maire"),
        ("Mme MOREAU Dominique", "", "maire"),
        ("Camille Moreau", "première adjointe", "première adjointe"),
        ("Camille Moreau", " ", "représentant légal"),
        ("Dominique Moreau-Martin", "", "représentant légal"),
    ],
)
def test_capacity_printed_is_that_of_the_person_who_signs(db, printed, named, title, expected):
    """The title of the dossier is that of the person it names, and of nobody else."""
    convention = ConventionWorld(1, representative_name=named).sealed()
    user = representative_of(convention)
    type(user).objects.filter(pk=user.pk).update(job_title=title)
    sign_as(convention, user)
    assert printed == [f"{expected}, {convention.data['beneficiary']['name']}"]


def test_person_named_without_a_title_signs_under_their_own(db, printed):
    convention = ConventionWorld(1, representative_title="").sealed()
    sign_as(convention, representative_of(convention))
    assert printed == [f"maire, {convention.data['beneficiary']['name']}"]


@pytest.mark.parametrize(
    ("title", "expected"), [("sous-directrice", "sous-directrice, pour l’État"), (" ", "pour l’État")]
)
def test_capacity_of_the_state_says_for_whom(db, printed, title, expected):
    world = ConventionWorld(1)
    convention = world.signed_once()
    type(world.signatory).objects.filter(pk=world.signatory.pk).update(job_title=title)
    sign_as(convention, world.signatory)
    assert printed[-1] == expected
