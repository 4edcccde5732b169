"""What a verification says: verdicts, findings in plain French, one report per signature."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    """Three values, never a boolean: « cannot tell » is neither yes nor no."""

    PASSED = "passed"
    INDETERMINATE = "indeterminate"
    FAILED = "failed"

    @classmethod
    def worst(cls, verdicts: Iterable[Verdict]) -> Verdict:
        """Return the most severe of ``verdicts``; PASSED when there is none."""
        order = list(cls)
        return max(verdicts, key=order.index, default=cls.PASSED)


class SignatureKind(StrEnum):
    """Who made it: an organisation, a person, or a timestamp authority."""

    SEAL = "seal"
    SIGNATURE = "signature"
    DOCUMENT_TIMESTAMP = "document_timestamp"


@dataclass(frozen=True)
class Finding:
    """One fact that weighs on the verdict, with the sentence a reader is shown."""

    code: str
    sentence: str
    verdict: Verdict


# Each code carries its weight; the sentences are read on the page of verification.
FINDINGS: dict[str, tuple[Verdict, str]] = {
    "too_large": (Verdict.FAILED, "Le fichier est trop volumineux pour être vérifié."),
    "not_a_pdf": (Verdict.FAILED, "Le fichier n’est pas un document PDF."),
    "unreadable": (Verdict.FAILED, "Le fichier n’a pas pu être lu jusqu’au bout comme un document PDF."),
    "encrypted": (Verdict.FAILED, "Le fichier est chiffré : il ne peut pas être vérifié."),
    "timeout": (
        Verdict.FAILED,
        "La vérification a été arrêtée : le fichier demande trop de temps à lire.",
    ),
    "no_signature": (Verdict.FAILED, "Le fichier ne porte ni cachet ni signature."),
    "too_many_signatures": (Verdict.FAILED, "Le fichier porte un nombre anormal de signatures."),
    "unknown_signature_format": (
        Verdict.FAILED,
        "Le fichier porte une signature d’un format inconnu.",
    ),
    "other_file": (
        Verdict.FAILED,
        "Le fichier diffère du document enregistré : son empreinte n’est pas la même.",
    ),
    "missing_revision": (
        Verdict.FAILED,
        "Il manque au fichier un cachet ou une signature que porte le document enregistré.",
    ),
    "added_revision": (
        Verdict.FAILED,
        "Le fichier porte une signature que le document enregistré n’a pas.",
    ),
    "other_revision": (
        Verdict.FAILED,
        "Les octets signés diffèrent de ceux qui ont été enregistrés lors de l’acte.",
    ),
    "not_compared": (
        Verdict.PASSED,
        "Le fichier a été examiné seul, sans comparaison avec un document enregistré.",
    ),
    "malformed": (Verdict.FAILED, "La signature est mal formée ou illisible."),
    "altered": (Verdict.FAILED, "Le contenu signé a été modifié depuis la signature."),
    "invalid": (Verdict.FAILED, "La signature ne correspond pas au certificat qu’elle porte."),
    "partial_coverage": (
        Verdict.FAILED,
        "La signature ne couvre pas tout le document : des octets lui échappent.",
    ),
    "changed_after": (
        Verdict.FAILED,
        "Le document a été modifié après cette signature, au-delà de ce qu’elle permettait.",
    ),
    "revoked": (
        Verdict.FAILED,
        "Le certificat du signataire était révoqué au moment de la signature.",
    ),
    "untrusted": (
        Verdict.INDETERMINATE,
        "L’autorité qui a délivré le certificat n’est pas reconnue : l’identité du signataire n’est pas établie.",
    ),
    "untrusted_timestamp": (
        Verdict.INDETERMINATE,
        "L’autorité d’horodatage n’est pas reconnue : la date n’est pas établie.",
    ),
    "invalid_timestamp": (
        Verdict.FAILED,
        "Le jeton d’horodatage ne correspond pas à cette signature.",
    ),
    "not_accepted": (Verdict.FAILED, "La signature ne remplit pas les conditions de validité."),
}


def finding(code: str) -> Finding:
    """Return the finding of this code."""
    verdict, sentence = FINDINGS[code]
    return Finding(code, sentence, verdict)


@dataclass(frozen=True)
class SignatureReport:
    """One seal, signature or document timestamp, in the order of the file.

    ``signed_at`` is proved by a token when ``is_time_proved``, otherwise only declared by the
    signer (None when it declares nothing). ``level`` is empty or one of B-B, B-T, B-LT, B-LTA,
    with the sentence that says on what evidence. ``organisation`` and ``unit`` are those of the
    certificate. ``revision_sha256`` is that of the file up to the end of what it covers.
    """

    field_name: str
    kind: SignatureKind
    verdict: Verdict
    findings: tuple[Finding, ...]
    signer_name: str = ""
    organisation: str = ""
    unit: str = ""
    issuer: str = ""
    serial: str = ""
    reason: str = ""
    signed_at: datetime | None = None
    is_time_proved: bool = False
    time_authority: str = ""
    level: str = ""
    level_evidence: str = ""
    is_intact: bool = False
    is_trusted: bool = False
    is_certifying: bool = False
    coverage: str = ""
    modification: str = ""
    revision_sha256: str = ""
    revision_length: int = 0


@dataclass(frozen=True)
class VerificationReport:
    """The verdict on a file, which is the worst of its findings and of its signatures."""

    verdict: Verdict
    sha256: str
    length: int
    findings: tuple[Finding, ...]
    signatures: tuple[SignatureReport, ...] = ()
    empty_fields: tuple[str, ...] = ()

    @property
    def sentences(self) -> tuple[str, ...]:
        """All sentences, those of the file first, each said once."""
        parts = [*self.findings, *(item for report in self.signatures for item in report.findings)]
        return tuple(dict.fromkeys(item.sentence for item in parts))


def signature_to_json(report: SignatureReport) -> dict[str, Any]:
    """Return a dictionary that ``signature_from_json`` turns back into the same report."""
    data = dict(vars(report))
    data["findings"] = [item.code for item in report.findings]
    data["signed_at"] = report.signed_at.isoformat() if report.signed_at else None
    return data


def signature_from_json(data: dict[str, Any]) -> SignatureReport:
    """Inverse of ``signature_to_json``."""
    return SignatureReport(
        **{
            **data,
            "kind": SignatureKind(data["kind"]),
            "verdict": Verdict(data["verdict"]),
            "findings": tuple(finding(code) for code in data["findings"]),
            "signed_at": datetime.fromisoformat(data["signed_at"]) if data["signed_at"] else None,
        }
    )
