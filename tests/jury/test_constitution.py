"""The page on which the ministry seats a jury."""

from datetime import timedelta

from django.urls import reverse

from calls.models import Mandate, Session
from jury.models import Juror, Jury
from tests.factories.accounts import AgentFactory, UserFactory, sign_in
from tests.factories.budget import AT
from tests.factories.jury import JuryWorld


def unseated(world):
    """A second session of the same axis, without jury."""
    return Session.objects.create(
        axis=world.axis, code="suite", title="Relève d’automne", opens_at=AT, closes_at=AT + timedelta(days=30)
    )


def sent(*members, **changes):
    """What the form sends: each member a dict of the fields that differ from an empty line."""
    empty = {"email": "", "role": "juror", "organisation_name": "", "region_code": "", "load_max": ""}
    data = {"name": "Jury d’automne", "selection_rule": "stop"}
    data |= {"members-TOTAL_FORMS": str(len(members)), "members-INITIAL_FORMS": "0"}
    for number, member in enumerate(members):
        data |= {f"members-{number}-{name}": value for name, value in {**empty, **member}.items()}
    return {**data, **changes}


def test_officer_seats_a_jury_from_the_list_of_sessions(client, db):
    world = JuryWorld(dossiers=1)
    session = unseated(world)
    chair, juror = AgentFactory(), UserFactory(email="juree@example.fr")
    sign_in(client, world.officer)
    url = reverse("jury_constitute", args=[session.pk])
    assert url in client.get(reverse("jury_index")).content.decode()
    page = client.get(url).content.decode()
    assert "Relève d’automne" in page
    assert page.count("Adresse électronique du compte") == 7  # six lines and the one that a script copies
    members = (
        {"email": chair.email, "role": "chair"},
        {"email": " JUREE@example.fr ", "organisation_name": "Université", "expertise": ["donnees"], "load_max": "12"},
        {},
    )
    done = client.post(url, sent(*members), follow=True)
    assert "Le jury est constitué" in done.content.decode()
    jury = Jury.objects.get(session=session)
    assert (jury.name, jury.selection_rule, jury.jurors.count()) == ("Jury d’automne", "stop", 2)
    seat = jury.jurors.get(user=juror)
    assert (seat.is_chair, seat.organisation_name, seat.expertise, seat.load_max) == (
        False,
        "Université",
        ["donnees"],
        12,
    )
    juror.refresh_from_db()
    assert juror.requires_second_factor
    assert url not in client.get(reverse("jury_index")).content.decode()
    again = client.post(url, sent(*members), follow=True)
    assert "Cette relève a déjà son jury." in again.content.decode()
    assert Jury.objects.filter(session=session).count() == 1


def test_mistakes_are_told_where_they_are_and_seat_nobody(client, db):
    world = JuryWorld(dossiers=1)
    session = unseated(world)
    known = AgentFactory()
    sign_in(client, world.officer)
    url = reverse("jury_constitute", args=[session.pk])
    before = (Jury.objects.count(), Juror.objects.count(), Mandate.objects.count())
    for data, sentence in (
        (sent({"email": "personne@example.fr", "role": "chair"}), "Aucun compte n’a cette adresse."),
        (sent({"email": known.email}), "Un jury a une présidence, et une seule."),
        (sent({"email": known.email, "role": "chair"}, {"email": known.email}), "Une personne ne siège qu’une fois."),
        (sent({"organisation_name": "Sans adresse"}), "Ce champ est obligatoire."),
        (sent({"email": known.email, "role": "chair", "load_max": "-1"}), "Indiquez 0 ou plus."),
        (sent({"email": known.email, "role": "chair"}, name=""), "Ce champ est obligatoire."),
    ):
        page = client.post(url, data).content.decode()
        assert sentence in page
        assert data["members-0-email"] in page
        assert (Jury.objects.count(), Juror.objects.count(), Mandate.objects.count()) == before


def test_session_of_an_axis_one_does_not_manage_is_not_found(client, db):
    world = JuryWorld(dossiers=1)
    session = unseated(world)
    for user in (world.releaser, world.chair_user, world.users[0]):
        sign_in(client, user)
        for answer in (client.get, client.post):
            assert answer(reverse("jury_constitute", args=[session.pk])).status_code == 404
    assert not Jury.objects.filter(session=session).exists()
