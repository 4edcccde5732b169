"""People. The plainest one is an applicant with a verified address and no second factor."""

from datetime import UTC, datetime
from typing import Any

import factory
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import encrypt
from django.utils import timezone

from accounts import totp
from accounts.confirmations import VALIDITY
from accounts.models import Confirmation, User

PASSWORD = "une phrase facile à retenir"
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
TOTP_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


class UserFactory(factory.django.DjangoModelFactory):
    """``second_factor=True`` enrols an application, whose secret is ``TOTP_SECRET``."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    email = factory.Sequence(lambda n: f"personne{n}@example.fr")
    first_name = "Camille"
    last_name = factory.Sequence(lambda n: f"Martin {n}")
    job_title = "secrétaire générale de mairie"

    @factory.post_generation
    def password(self, create: bool, extracted: str | None, **kwargs: Any) -> None:
        self.set_password(extracted or PASSWORD)
        if create:
            self.save()

    @factory.post_generation
    def verified(self, create: bool, extracted: bool | None, **kwargs: Any) -> None:
        if create:
            EmailAddress.objects.create(user=self, email=self.email, verified=extracted is not False, primary=True)

    @factory.post_generation
    def second_factor(self, create: bool, extracted: bool | None, **kwargs: Any) -> None:
        if create and extracted:
            enrol(self)


class AgentFactory(UserFactory):
    """A person whose second factor is compulsory, and enrolled unless ``second_factor=False``."""

    requires_second_factor = True

    @factory.post_generation
    def second_factor(self, create: bool, extracted: bool | None, **kwargs: Any) -> None:
        if create and extracted is not False:
            enrol(self)


class AdministratorFactory(AgentFactory):
    """Staff of the site."""

    is_staff = True
    is_superuser = True


def enrol(user: User) -> Authenticator:
    """Give this person an authenticator application, enrolled before anything that a test plays."""
    secret = {"secret": encrypt(TOTP_SECRET)}
    return Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data=secret, created_at=LONG_AGO)


def code_of(user: User, at: datetime | None = None) -> str:
    """The six digits this person's application shows at ``at`` (now by default)."""
    return totp.code_at(secret=totp.secret_of(user) or "", at=at or timezone.now())


def confirmed(user: User, *, act: str, content_sha256: str, at: datetime | None = None) -> Confirmation:
    """A confirmation ready to be used by a service, without typing a code."""
    instant = at or timezone.now()
    return Confirmation.objects.create(
        user=user,
        act=act,
        content_sha256=content_sha256,
        method=Confirmation.Method.TOTP,
        confirmed_at=instant,
        expires_at=instant + VALIDITY,
    )


def sign_in(client: Any, user: User) -> None:
    """Sign this person in on a test client, their second factor shown if they have one."""
    client.force_login(user)
    authenticator = Authenticator.objects.filter(user=user).first()
    if authenticator is not None:
        session = client.session
        session["account_authentication_methods"] = [
            {"method": "mfa", "at": timezone.now().timestamp(), "id": authenticator.pk, "type": authenticator.type}
        ]
        session["account_authentication_methods_user"] = str(user.pk)
        session.save()
