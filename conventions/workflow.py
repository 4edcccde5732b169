"""The tables of a convention, of a signature in progress and of a batch."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from conventions.enums import BatchState, ConventionState, SigningState
from conventions.roles import (
    OFFICER,
    REPRESENTATIVE,
    SIGNATORY,
    SYSTEM,
    is_officer,
    is_representative,
    is_signatory,
    is_system,
)
from core.workflow import Role, Transition, Workflow, register

if TYPE_CHECKING:
    from conventions.models import Convention


def guard_nothing_in_progress(convention: "Convention", at: datetime) -> str:
    """One signature at a time: the second would sign bytes that are about to change."""
    busy = (SigningState.STARTED.value, SigningState.PRODUCED.value)
    if convention.pk and convention.signings.filter(state__in=busy).exists():
        return (
            "Une signature est déjà en cours d’enregistrement sur cette convention. Rechargez la page dans un instant."
        )
    return ""


_ROLES: dict[str, Any] = {
    SYSTEM: Role(SYSTEM, "le site", is_system),
    REPRESENTATIVE: Role(REPRESENTATIVE, "représentant légal", is_representative),
    SIGNATORY: Role(SIGNATORY, "signataire de l’État", is_signatory),
    OFFICER: Role(OFFICER, "gestionnaire du ministère", is_officer),
}

CONVENTION = register(
    Workflow(
        code="convention",
        title="Convention",
        states=ConventionState,
        initial=ConventionState.PENDING.value,
        roles=tuple(_ROLES.values()),
        transitions=(
            Transition(
                "apply_seal",
                (ConventionState.PENDING.value,),
                ConventionState.SEALED.value,
                (SYSTEM,),
                "Apposer le cachet",
                "Convention rédigée et revêtue du cachet de l’État",
            ),
            Transition(
                "sign_for_beneficiary",
                (ConventionState.SEALED.value,),
                ConventionState.BENEFICIARY_SIGNED.value,
                (REPRESENTATIVE,),
                "Signer la convention",
                "Signée par le représentant légal",
                guards=(guard_nothing_in_progress,),
            ),
            Transition(
                "sign_for_state",
                (ConventionState.BENEFICIARY_SIGNED.value,),
                ConventionState.SIGNED.value,
                (SIGNATORY,),
                "Signer pour l’État",
                "Signée pour l’État, crédits engagés",
                guards=(guard_nothing_in_progress,),
            ),
            Transition(
                "pay",
                (ConventionState.SIGNED.value,),
                ConventionState.PAID.value,
                (OFFICER,),
                "Enregistrer le versement",
                "Subvention versée",
            ),
        ),
        next_steps={
            ConventionState.PENDING.value: {
                "applicant": "Votre convention est en cours de rédaction. Vous recevrez un courriel quand elle sera à signer.",
                "service": "Le site rédige la convention et y appose le cachet ; rien à faire.",
            },
            ConventionState.SEALED.value: {
                "applicant": "Votre représentant légal peut lire la convention et la signer en ligne.",
                "service": "La collectivité doit signer ; l’État signera ensuite.",
            },
            ConventionState.BENEFICIARY_SIGNED.value: {
                "applicant": "Votre représentant légal a signé. L’État doit signer à son tour ; vous serez prévenu.",
                "service": "Le signataire de l’État peut signer : sa signature engage les crédits.",
            },
            ConventionState.SIGNED.value: {
                "applicant": "La convention est signée par les deux parties. La subvention sera versée en une fois.",
                "service": "Il reste à verser la subvention et à enregistrer le versement.",
            },
            ConventionState.PAID.value: {
                "applicant": "La subvention a été versée sur le compte indiqué dans la convention.",
                "service": "Le versement est enregistré ; le bénéficiaire rendra compte à la fin du projet.",
            },
        },
    )
)

SIGNING = register(
    Workflow(
        code="signing",
        title="Opération de signature",
        states=SigningState,
        initial=SigningState.STARTED.value,
        roles=(_ROLES[SYSTEM],),
        transitions=(
            Transition(
                "produce",
                (SigningState.STARTED.value,),
                SigningState.PRODUCED.value,
                (SYSTEM,),
                "Signer et horodater",
                "Signature faite et horodatée",
            ),
            Transition(
                "keep",
                (SigningState.PRODUCED.value,),
                SigningState.STORED.value,
                (SYSTEM,),
                "Enregistrer",
                "Signature enregistrée",
            ),
            Transition(
                "fail",
                (SigningState.STARTED.value, SigningState.PRODUCED.value),
                SigningState.FAILED.value,
                (SYSTEM,),
                "Abandonner",
                "Signature abandonnée",
            ),
        ),
    )
)

BATCH = register(
    Workflow(
        code="batch",
        title="Lot de conventions",
        states=BatchState,
        initial=BatchState.RUNNING.value,
        roles=(_ROLES[SYSTEM],),
        transitions=(
            Transition(
                "finish",
                (BatchState.RUNNING.value,),
                BatchState.DONE.value,
                (SYSTEM,),
                "Terminer le lot",
                "Toutes les conventions du lot sont rédigées",
            ),
        ),
    )
)
