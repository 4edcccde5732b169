"""Conventions: written by the worker's own code, signed by both parties, paid, through the services of the pages."""

import subprocess
import sys
from datetime import datetime, time, timedelta
from pathlib import Path

from django.conf import settings
from django.db.models import Sum
from django.utils import timezone

from accounts.confirmations import confirm_act
from accounts.demonstration import current_code, next_free_moment
from accounts.models import User
from conventions.enums import ConventionState
from conventions.models import Convention
from conventions.services.payments import PAY_ACT, record_payment, what_is_paid
from conventions.services.reports import send_report
from conventions.services.signing import SIGN_ACT, complete_signing, start_signing, what_is_signed
from core import files, outbox
from demonstration.play.cast import Cast
from territories.enums import AffiliationRole
from territories.models import Affiliation


def write_documents(*, processes: int) -> int:
    """Delivers all that the outbox holds: acknowledgements, minutes, mails, conventions. Returns how many here.

    Other processes help, as several workers would: a message is taken by one of them only.
    """
    command = [sys.executable, "manage.py", "deliver_outbox"]
    helpers = [
        subprocess.Popen(command, cwd=settings.BASE_DIR, stdout=subprocess.DEVNULL) for _ in range(processes - 1)
    ]
    try:
        delivered = outbox.deliver_all()
    finally:
        for helper in helpers:
            helper.wait()
    # What another process was still doing when this one saw nothing left.
    return delivered + outbox.deliver_all()


def representative_of(convention: Convention) -> User:
    """The person who signs for the beneficiary."""
    row = Affiliation.objects.filter(
        organisation_id=convention.application.organisation_id,
        role=AffiliationRole.LEGAL_REPRESENTATIVE,
        validated_at__isnull=False,
    ).select_related("user")
    return row.latest("validated_at").user


def sign(convention: Convention, user: User, at: datetime) -> Convention:
    """One signature: the bytes shown, a fresh code bound to them, the revision."""
    at = next_free_moment(user, at=at)
    shown = what_is_signed(convention)
    confirm_act(user=user, act=SIGN_ACT, content_sha256=shown, code=current_code(user, at=at), at=at)
    signing = start_signing(
        convention=convention, user=user, at=at, key=f"play:{convention.pk}:{convention.state}", shown_sha256=shown
    )
    complete_signing(signing_id=str(signing.pk))
    # Read anew: a protected state is not refreshed in place.
    return Convention.objects.select_related("application").get(pk=convention.pk)


def pay(convention: Convention, user: User, at: datetime) -> None:
    """The single payment, service done on the day before."""
    at = next_free_moment(user, at=at)
    paid_on = at.date()
    service_done_on = paid_on - timedelta(days=1)
    reference = f"DP-{convention.number.removeprefix('CONV-')}"
    digest = what_is_paid(convention, service_done_on=service_done_on, paid_on=paid_on, reference=reference)
    confirm_act(user=user, act=PAY_ACT, content_sha256=digest, code=current_code(user, at=at), at=at)
    record_payment(
        convention=convention,
        user=user,
        at=at,
        key=f"play:pay:{convention.pk}",
        service_done_on=service_done_on,
        paid_on=paid_on,
        reference=reference,
    )


def sign_and_pay(*, conventions: list[Convention], cast: Cast, at: datetime) -> None:
    """Everyone signs but the last two of the list, left for a visitor to see; four in five of the signed are paid, and
    most of these tell at the end what they did."""
    moment = at
    for position, convention in enumerate(conventions):
        left = len(conventions) - position
        moment += timedelta(minutes=2)
        if left == 1:
            break
        convention = sign(convention, representative_of(convention), moment)
        if left == 2:
            continue
        convention = sign(convention, cast.signatory, moment + timedelta(minutes=1))
        if position % 5 != 4:
            paid_at = moment + timedelta(days=20)
            pay(convention, cast.officer, paid_at)
            # A few reports are left to come: the officer has somebody to ask.
            if position % 12 != 5:
                report(Convention.objects.select_related("application").get(pk=convention.pk), paid_at)


def report(convention: Convention, paid_at: datetime) -> None:
    """The final report of a project that is paid and over, five months after its planned end."""
    ends_on = convention.application.ends_on
    if ends_on is None:
        return
    at = max(paid_at, timezone.make_aware(datetime.combine(ends_on, time(10))) + timedelta(days=150))
    send_report(
        convention=convention,
        user=representative_of(convention),
        at=at,
        key=f"play:report:{convention.pk}",
        is_final=True,
        body=f"Le projet « {convention.application.title} » est achevé. Les trois étapes du calendrier sont tenues et le "
        "service est ouvert à tous ses usagers. Les indicateurs de la convention sont relevés chaque trimestre.",
        spent=convention.application.cost_lines.aggregate(total=Sum("amount"))["total"],
    )


def export_signed(*, conventions: list[Convention], folder: Path) -> list[str]:
    """Copies of the documents signed by both parties, one file each; their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for convention in conventions:
        revision = convention.current_revision()
        if convention.state in {ConventionState.SIGNED, ConventionState.PAID} and revision is not None:
            path = folder / f"{convention.number}.pdf"
            path.write_bytes(files.read(revision.file))
            paths.append(str(path))
    return paths
