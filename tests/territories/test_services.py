from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.template.loader import render_to_string
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.hooks import announce_identity
from accounts.models import User
from core.errors import Refused
from core.models import JournalEntry, OutboxMessage
from territories.enums import AffiliationRole, OrganisationKind
from territories.models import Affiliation, Organisation
from territories.population import Part
from territories.services import (
    affiliations_of,
    attach_by_siret,
    create_structure,
    end_affiliation,
    give_fictitious_siret,
    may_act_for,
    organisation_by_siret,
    organisation_for,
    refuse_affiliation,
    request_affiliation,
    requests_to,
    state_siret,
    validate_affiliation,
)
from territories.sirets import fictitious_siren, fictitious_siret
from tests.concurrency import while_uncommitted
from tests.factories.accounts import UserFactory
from tests.factories.territories import (
    RENNES_METROPOLE,
    AffiliationFactory,
    OrganisationFactory,
    TerritoryFactory,
    VintageFactory,
    load_sample,
    territory,
)

AT = datetime(2021, 3, 1, 9, tzinfo=UTC)


def _actions(user):
    return list(
        JournalEntry.objects.filter(chain=f"person:{user.pk}").order_by("number").values_list("action", flat=True)
    )


# ---------------------------------------------------------------- organisations


def test_organisation_of_a_territory_is_made_once(db):
    load_sample()
    first = organisation_for(territory("epci", RENNES_METROPOLE, 2021))
    again = organisation_for(territory("epci", RENNES_METROPOLE, 2026))
    assert first == again
    assert (first.siren, first.departement_code, first.search_name) == (RENNES_METROPOLE, "35", "rennes metropole")


def test_organisation_takes_its_siren_from_the_vintage_that_knows_it(db):
    load_sample()
    # Ouessant is in no EPCI: the package of 2021 gives it no SIREN, that of 2026 does.
    assert territory("commune", "29155", 2021).siren == ""
    assert (
        organisation_for(territory("commune", "29155", 2021)).siren == territory("commune", "29155", 2026).siren != ""
    )


def test_siren_of_a_departement_stays_unknown(db):
    load_sample(2021)
    assert organisation_for(territory("departement", "48")).siren == ""


def test_stated_siret_is_checked_by_key_and_siren(db):
    organisation = OrganisationFactory(siren="243500139", siret="")
    with pytest.raises(Refused, match="clé de contrôle") as wrong_key:
        state_siret(organisation=organisation, siret="24350013900018")
    assert wrong_key.value.field == "siret"
    with pytest.raises(Refused, match="commencer par 243500139"):
        state_siret(organisation=organisation, siret="73282932000074")
    organisation.refresh_from_db()
    assert organisation.siret == ""
    stated = state_siret(organisation=organisation, siret=" 243 500 139 00189 ")
    assert (stated.siret, stated.siret_is_fictitious) == ("24350013900189", False)


def test_siret_of_another_organisation_is_refused(db):
    taken = OrganisationFactory()
    other = OrganisationFactory(siren="", siret="")
    with pytest.raises(Refused, match=f"est celui de « {taken.name} »") as refusal:
        state_siret(organisation=other, siret=taken.siret)
    assert refusal.value.field == "siret"
    other.refresh_from_db()
    assert other.siret == ""


@pytest.mark.parametrize("year", [2021, 2026])
def test_siret_of_a_territory_of_any_vintage_is_refused_and_the_right_one_taken_afterwards(db, year):
    load_sample(year)
    departement = organisation_for(territory("departement", "48", year))
    mende = territory("commune", "48095", year)
    with pytest.raises(Refused, match="est celui de « Mende »") as refusal:
        state_siret(organisation=departement, siret=fictitious_siret(mende.siren))
    assert refusal.value.field == "siret"
    departement.refresh_from_db()
    assert (departement.siret, departement.siren) == ("", "")
    right = fictitious_siret(fictitious_siren("Lozère"))
    assert state_siret(organisation=departement, siret=right).siret == right


def test_stated_siret_makes_no_siren_and_is_corrected(db):
    organisation = OrganisationFactory(siren="", siret="")
    first, second = (fictitious_siret(fictitious_siren(seed)) for seed in ("une faute", "le bon"))
    assert state_siret(organisation=organisation, siret=first).siren == ""
    assert state_siret(organisation=organisation, siret=second).siret == second


def test_siren_that_another_organisation_bears_is_refused_whatever_its_establishment(db):
    OrganisationFactory(siren="", siret=fictitious_siret(fictitious_siren("déclaré"), 1))
    OrganisationFactory(siren=fictitious_siren("connu"), siret="")
    other = OrganisationFactory(siren="", siret="")
    for seed in ("déclaré", "connu"):
        with pytest.raises(Refused, match="est celui de"):
            state_siret(organisation=other, siret=fictitious_siret(fictitious_siren(seed), 2))
        with pytest.raises(Refused, match="est celui de"):
            create_structure(
                kind=OrganisationKind.SYNDICAT, name="S", parts=[], siret=fictitious_siret(fictitious_siren(seed), 2)
            )
    other.refresh_from_db()
    assert other.siret == ""
    assert Organisation.objects.count() == 3


def test_fictitious_siret_is_marked_and_never_replaces_a_stated_one(db):
    unknown = give_fictitious_siret(OrganisationFactory(siren="", siret="", siret_is_fictitious=False))
    assert unknown.siret_is_fictitious
    assert len(unknown.siret) == 14
    stated = OrganisationFactory(siren="243500139", siret="24350013900189", siret_is_fictitious=False)
    assert give_fictitious_siret(stated).siret == "24350013900189"


def test_structure_is_created_with_its_perimeter(db):
    siret = fictitious_siret(fictitious_siren("syndicat"))
    parts = [Part("commune", "35238"), Part("commune", "35238"), Part("epci", RENNES_METROPOLE)]
    made = create_structure(kind=OrganisationKind.SYNDICAT, name=" Syndicat Œuvre ", parts=parts, siret=siret)
    assert (made.name, made.search_name, made.siret) == ("Syndicat Œuvre", "syndicat oeuvre", siret)
    assert made.covered.count() == 2
    with pytest.raises(Refused):
        create_structure(kind=OrganisationKind.COMMUNE, name="Non", parts=[])
    assert Organisation.objects.count() == 1


def test_database_refuses_a_siret_of_the_wrong_form(db):
    with pytest.raises(IntegrityError), transaction.atomic():
        OrganisationFactory(siret="12345678901")


def test_database_refuses_a_siren_of_the_wrong_form(db):
    with pytest.raises(ValidationError, match="Un SIREN compte 9 chiffres"):
        OrganisationFactory.build(siren="12345678", siret="").validate_constraints()
    with pytest.raises(IntegrityError, match="siren_is_9_digits"), transaction.atomic():
        OrganisationFactory(siren="12345678", siret="")


# ---------------------------------------------------------------- affiliations


def test_affiliation_gives_rights_once_validated_until_its_end(db):
    user, agent, organisation = UserFactory(), UserFactory(), OrganisationFactory()
    asked = request_affiliation(user=user, organisation=organisation, role=AffiliationRole.CONTRIBUTOR, at=AT)
    assert not may_act_for(user, organisation, AT)
    later = AT + timedelta(days=1)
    validate_affiliation(affiliation_id=asked.pk, by=agent, at=later, evidence="visa")
    assert not may_act_for(user, organisation, AT)
    assert may_act_for(user, organisation, later)
    assert not may_act_for(user, organisation, later, role=AffiliationRole.LEGAL_REPRESENTATIVE)
    end = later + timedelta(days=1)
    end_affiliation(affiliation_id=asked.pk, by=user, at=end)
    assert may_act_for(user, organisation, end - timedelta(seconds=1))
    assert not may_act_for(user, organisation, end)
    assert _actions(user) == ["affiliation.requested", "affiliation.validated", "affiliation.ended"]


def test_affiliation_ended_by_somebody_else_has_a_reason_a_journal_entry_and_a_mail(db):
    agent, affiliation = UserFactory(), AffiliationFactory()
    for reason, match in ((" ", "motif"), ("x" * 301, "300 caractères")):
        with pytest.raises(Refused, match=match) as refusal:
            end_affiliation(affiliation_id=affiliation.pk, by=agent, at=AT, reason=reason)
        assert refusal.value.field == "reason"
    affiliation.refresh_from_db()
    assert affiliation.ends_at is None
    end_affiliation(affiliation_id=affiliation.pk, by=agent, at=AT, reason=" A quitté la collectivité ")
    affiliation.refresh_from_db()
    assert (affiliation.ends_at, affiliation.end_reason) == (AT, "A quitté la collectivité")
    assert not may_act_for(affiliation.user, affiliation.organisation, AT)
    entry = JournalEntry.objects.get(chain=f"person:{affiliation.user_id}", action="affiliation.ended")
    assert (entry.actor_id, entry.reason) == (agent.pk, "A quitté la collectivité")
    mail = OutboxMessage.objects.get(kind="core.mail")
    assert mail.payload["to"] == [affiliation.user.email]
    body = render_to_string(
        mail.payload["template"], {**mail.payload["context"], "site_url": "https://guichet.example"}
    )
    assert affiliation.organisation.name in body
    assert "A quitté la collectivité" in body
    with pytest.raises(Refused, match="déjà terminé"):
        end_affiliation(affiliation_id=affiliation.pk, by=agent, at=AT + timedelta(days=1), reason="Encore")
    assert OutboxMessage.objects.count() == 1


@pytest.mark.parametrize(
    ("role", "needs"), [(AffiliationRole.CONTRIBUTOR, False), (AffiliationRole.LEGAL_REPRESENTATIVE, True)]
)
def test_answer_to_a_request_is_mailed_to_who_asked(db, role, needs):
    def text(mail):
        return render_to_string(mail.payload["template"], {**mail.payload["context"], "site_url": "https://g.example"})

    accepted, turned_down = (AffiliationFactory(pending=True, role=role) for _ in range(2))
    validate_affiliation(affiliation_id=accepted.pk, by=UserFactory(), at=AT, evidence="visa")
    refuse_affiliation(affiliation_id=turned_down.pk, by=UserFactory(), reason="Nom inconnu en mairie", at=AT)
    yes, no = OutboxMessage.objects.order_by("created_at")
    assert yes.payload["to"] == [accepted.user.email]
    assert accepted.organisation.name in yes.payload["subject"]
    assert "est accepté" in text(yes)
    assert ("seconde vérification" in text(yes)) is needs
    assert no.payload["to"] == [turned_down.user.email]
    assert "Nom inconnu en mairie" in text(no)


def test_affiliation_by_the_identity_provider_sends_no_mail(db):
    asked = AffiliationFactory(pending=True)
    validate_affiliation(affiliation_id=asked.pk, by=None, at=AT, evidence="ProConnect")
    assert not OutboxMessage.objects.exists()


def test_who_gives_up_their_own_affiliation_is_asked_no_reason_and_gets_no_mail(db):
    affiliation = AffiliationFactory()
    end_affiliation(affiliation_id=affiliation.pk, by=affiliation.user, at=AT)
    assert not OutboxMessage.objects.exists()


def test_refusal_longer_than_its_column_is_refused(db):
    asked = AffiliationFactory(pending=True)
    with pytest.raises(Refused, match="300 caractères"):
        refuse_affiliation(affiliation_id=asked.pk, by=UserFactory(), reason="x" * 301, at=AT)
    asked.refresh_from_db()
    assert asked.refused_at is None


def test_second_request_for_the_same_is_refused(db):
    user, organisation = UserFactory(), OrganisationFactory()
    request_affiliation(user=user, organisation=organisation, role=AffiliationRole.CONTRIBUTOR, at=AT)
    with pytest.raises(Refused, match="Vous avez déjà demandé ce rattachement"):
        request_affiliation(user=user, organisation=organisation, role=AffiliationRole.CONTRIBUTOR, at=AT)
    assert Affiliation.objects.count() == 1


def test_refused_request_tells_why_and_may_be_made_again(db):
    user, agent, organisation = UserFactory(), UserFactory(), OrganisationFactory()
    asked = request_affiliation(user=user, organisation=organisation, role=AffiliationRole.CONTRIBUTOR, at=AT)
    with pytest.raises(Refused, match="motif"):
        refuse_affiliation(affiliation_id=asked.pk, by=agent, reason="  ", at=AT)
    asked.refresh_from_db()
    assert asked.refused_at is None
    refused = refuse_affiliation(affiliation_id=asked.pk, by=agent, reason="Fonction non confirmée", at=AT)
    assert refused.refusal_reason == "Fonction non confirmée"
    assert not affiliations_of(user, AT + timedelta(days=1)).exists()
    with pytest.raises(Refused, match="déjà reçu une réponse"):
        validate_affiliation(affiliation_id=asked.pk, by=agent, at=AT, evidence="visa")
    request_affiliation(user=user, organisation=organisation, role=AffiliationRole.CONTRIBUTOR, at=AT)


def test_nobody_validates_their_own_request(db):
    user = UserFactory()
    asked = request_affiliation(user=user, organisation=OrganisationFactory(), role=AffiliationRole.CONTRIBUTOR, at=AT)
    with pytest.raises(Refused, match="propre demande"):
        validate_affiliation(affiliation_id=asked.pk, by=user, at=AT, evidence="visa")
    assert not may_act_for(user, asked.organisation, AT + timedelta(days=1))


def test_database_refuses_both_answers_and_a_refusal_without_reason(db):
    with pytest.raises(IntegrityError), transaction.atomic():
        AffiliationFactory(refused_at=AT, refusal_reason="x", ends_at=AT)
    with pytest.raises(IntegrityError), transaction.atomic():
        AffiliationFactory(pending=True, refused_at=AT, ends_at=AT)


# ---------------------------------------------------------------- ProConnect


def test_identity_with_the_siret_of_an_authority_attaches_as_contributor_once(db):
    load_sample(2021)
    user = UserFactory()
    siret = fictitious_siret(RENNES_METROPOLE)
    for _ in range(2):
        announce_identity(user=user, claims={"siret": siret}, at=AT)
    affiliation = affiliations_of(user, AT).get()
    assert affiliation.organisation.name == "Rennes Métropole"
    assert (affiliation.role, affiliation.evidence) == (AffiliationRole.CONTRIBUTOR, "ProConnect")
    assert affiliation.validated_by is None


@pytest.mark.parametrize("siret", ["", "73282932000075", "73282932000074", None, 12])
def test_identity_without_a_siret_of_an_authority_attaches_nobody(db, siret):
    load_sample(2021)
    user = UserFactory()
    announce_identity(user=user, claims={"siret": siret}, at=AT)
    assert not Affiliation.objects.exists()


def test_siret_of_an_unknown_establishment_finds_by_siren_unless_two_share_it(db):
    known = OrganisationFactory(siren="243500139", siret="24350013900189")
    assert organisation_by_siret(fictitious_siret("243500139", 7)) == known
    OrganisationFactory(siren="243500139", siret="")
    assert organisation_by_siret(fictitious_siret("243500139", 7)) is None
    assert organisation_by_siret("24350013900189") is None


def test_merely_stated_siret_attaches_nobody(db):
    siret = fictitious_siret(fictitious_siren("déclaré seulement"))
    state_siret(organisation=OrganisationFactory(siren="", siret=""), siret=siret)
    create_structure(
        kind=OrganisationKind.SYNDICAT, name="S", parts=[], siret=fictitious_siret(fictitious_siren("syndicat"))
    )
    for stated in Organisation.objects.values_list("siret", flat=True):
        assert organisation_by_siret(stated) is None
        assert attach_by_siret(user=UserFactory(), siret=stated, at=AT) is None
    assert not Affiliation.objects.exists()


def test_agents_of_a_commune_are_attached_to_it_whoever_stated_its_number(db):
    load_sample(2021)
    mende = territory("commune", "48095")
    # As an earlier version of the site let a draft write it.
    wrong = OrganisationFactory(
        kind=OrganisationKind.DEPARTEMENT, territory_code="48", siren=mende.siren, siret=fictitious_siret(mende.siren)
    )
    user = UserFactory()
    attached = attach_by_siret(user=user, siret=wrong.siret, at=AT)
    assert attached is not None
    assert (attached.organisation.kind, attached.organisation.territory_code) == ("commune", "48095")


def closed(user, organisation, **changes):
    return AffiliationFactory(user=user, organisation=organisation, **{"ends_at": AT - timedelta(days=1), **changes})


def rennes_agent():
    load_sample(2021)
    return UserFactory(), organisation_for(territory("epci", RENNES_METROPOLE)), fictitious_siret(RENNES_METROPOLE)


@pytest.mark.parametrize("role", AffiliationRole)
def test_identity_asks_again_once_but_does_not_bring_back_an_affiliation_that_was_ended(db, role):
    user, rennes, siret = rennes_agent()
    closed(user, rennes, role=role)
    for _ in range(2):
        announce_identity(user=user, claims={"siret": siret}, at=AT)
    assert not may_act_for(user, rennes, AT)
    asked = Affiliation.objects.filter(user=user).pending().get()
    assert asked.role == AffiliationRole.CONTRIBUTOR
    assert _actions(user) == ["affiliation.requested"]
    validate_affiliation(affiliation_id=asked.pk, by=UserFactory(), at=AT, evidence="visa")
    announce_identity(user=user, claims={"siret": siret}, at=AT)
    assert affiliations_of(user, AT).get() == asked


def test_identity_neither_asks_again_nor_answers_after_a_refusal(db):
    user, rennes, siret = rennes_agent()
    end = AT - timedelta(days=1)
    closed(user, rennes, validated_at=None, refused_at=end, refusal_reason="N’est plus en fonction")
    announce_identity(user=user, claims={"siret": siret}, at=AT)
    assert not Affiliation.objects.filter(user=user, ends_at__isnull=True).exists()
    asked = request_affiliation(user=user, organisation=rennes, role=AffiliationRole.CONTRIBUTOR, at=AT)
    announce_identity(user=user, claims={"siret": siret}, at=AT)
    asked.refresh_from_db()
    assert asked.validated_at is None


def test_pending_request_is_validated_by_the_identity(db):
    vintage = VintageFactory(year=2026)
    commune = TerritoryFactory(vintage=vintage, siren="213502388")
    user = UserFactory()
    asked = request_affiliation(
        user=user, organisation=organisation_for(commune), role=AffiliationRole.CONTRIBUTOR, at=AT
    )
    attached = attach_by_siret(user=user, siret=fictitious_siret("213502388"), at=AT)
    assert attached is not None
    assert attached.pk == asked.pk
    assert attached.validated_at == AT


def test_two_organisations_that_state_one_siren_at_once_are_not_both_believed(transactional_db):
    first, second = (OrganisationFactory(siren="", siret="") for _ in range(2))
    siren = fictitious_siren("partagé")
    stopped = while_uncommitted(
        lambda: state_siret(organisation=first, siret=fictitious_siret(siren, 1)),
        lambda: state_siret(organisation=second, siret=fictitious_siret(siren, 2)),
    )
    assert len(stopped) == 1
    assert f"Ce SIRET est celui de « {first.name} »" in stopped[0]
    second.refresh_from_db()
    assert second.siret == ""


def test_representative_removed_meanwhile_ends_nobody_s_affiliation(transactional_db):
    mine = AffiliationFactory(legal=True)
    colleague = AffiliationFactory(organisation=mine.organisation)
    client = Client()
    client.force_login(mine.user)
    answers = []

    def removed():
        Affiliation.objects.select_for_update().get(pk=colleague.pk)
        Affiliation.objects.filter(pk=mine.pk).update(ends_at=timezone.now())

    def ends():
        answers.append(client.post(reverse("affiliation_remove", args=[colleague.pk]), {"reason": "Parti"}))

    assert while_uncommitted(removed, ends) == []
    assert answers[0].status_code == 422
    assert "vos droits viennent de changer" in answers[0].content.decode()
    colleague.refresh_from_db()
    assert (colleague.ends_at, colleague.end_reason) == (None, "")
    assert not OutboxMessage.objects.exists()


def test_representative_removed_meanwhile_lets_nobody_in(transactional_db):
    mine = AffiliationFactory(legal=True)
    asked = AffiliationFactory(organisation=mine.organisation, pending=True)
    client = Client()
    client.force_login(mine.user)
    answers = []

    def removed():
        Affiliation.objects.select_for_update().get(pk=asked.pk)
        Affiliation.objects.filter(pk=mine.pk).update(ends_at=timezone.now())

    def accepts():
        answers.append(client.post(reverse("affiliation_accept", args=[asked.pk]), follow=True))

    assert while_uncommitted(removed, accepts) == []
    assert "vos droits viennent de changer" in answers[0].content.decode()
    asked.refresh_from_db()
    assert asked.validated_at is None
    assert not OutboxMessage.objects.exists()


# ---------------------------------------------------------------- those in place
def joined(user):
    wanted = {"kind": "core.mail", "payload__to": [user.email], "payload__template__endswith": "affiliation_joined.txt"}
    return OutboxMessage.objects.filter(**wanted).count()


def test_those_in_place_learn_that_somebody_joins_them(db):
    organisation, agent = OrganisationFactory(), UserFactory()
    first = AffiliationFactory(organisation=organisation, role=AffiliationRole.CONTRIBUTOR).user

    def join(role):
        user = UserFactory()
        asked = request_affiliation(user=user, organisation=organisation, role=role, at=timezone.now())
        validate_affiliation(affiliation_id=asked.pk, by=agent, at=timezone.now(), evidence="visa")
        return user

    head = join(AffiliationRole.LEGAL_REPRESENTATIVE)
    assert (joined(first), joined(head)) == (1, 0)
    # Once somebody represents the organisation, it is theirs to know who acts for it.
    clerk = join(AffiliationRole.CONTRIBUTOR)
    assert (joined(first), joined(head), joined(clerk)) == (1, 1, 0)
    elsewhere = AffiliationFactory(role=AffiliationRole.LEGAL_REPRESENTATIVE).user
    assert joined(elsewhere) == 0


@pytest.mark.parametrize(("is_active", "told"), [(True, 0), (False, 1)])
def test_closed_account_hides_no_newcomer_from_those_who_are_there(db, is_active, told):
    organisation = OrganisationFactory()
    contributor = AffiliationFactory(organisation=organisation, role=AffiliationRole.CONTRIBUTOR).user
    head = AffiliationFactory(organisation=organisation, legal=True).user
    User.objects.filter(pk=head.pk).update(is_active=is_active)
    user = UserFactory()
    asked = request_affiliation(
        user=user, organisation=organisation, role=AffiliationRole.CONTRIBUTOR, at=timezone.now()
    )
    to_answer = OutboxMessage.objects.filter(payload__template__endswith="affiliation_asked.txt")
    assert to_answer.count() == int(is_active)
    validate_affiliation(affiliation_id=asked.pk, by=UserFactory(), at=timezone.now(), evidence="visa")
    assert (joined(contributor), joined(head)) == (told, 1 - told)


def test_request_of_a_closed_account_awaits_nobody_s_answer(db):
    organisation = OrganisationFactory()
    head = AffiliationFactory(organisation=organisation, legal=True).user
    gone, here = (AffiliationFactory(organisation=organisation, pending=True) for _ in range(2))
    User.objects.filter(pk=gone.user_id).update(is_active=False)
    assert list(requests_to(head, timezone.now())) == [here]
