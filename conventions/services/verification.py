"""Is this document ours, whole, and signed by whom it says? Three answers, never a guess."""

import hashlib
import json
import secrets
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import pikepdf

from conventions.enums import RevisionKind
from conventions.models import Convention, Revision
from core import files, keyring
from core.signing.report import Verdict, VerificationReport
from core.signing.verify import verify_pdf

# The revisions that carry a seal or a signature, in the order of the acts.
SIGNED_KINDS = (RevisionKind.SEALED, RevisionKind.BENEFICIARY, RevisionKind.STATE)
STAGES = {
    RevisionKind.SEALED: "Version revêtue du cachet de l’État, avant toute signature.",
    RevisionKind.BENEFICIARY: "Version signée par le bénéficiaire, avant la signature de l’État.",
    RevisionKind.STATE: "Version définitive, signée par les deux parties.",
}
UNKNOWN = "Ce fichier ne correspond à aucun document enregistré sur ce site."
NOT_SEALED = "Ce fichier est un projet sans cachet ni signature : il ne prouve rien."


@dataclass(frozen=True)
class DocumentVerdict:
    """What the page and the command say. ``convention`` is None for a file that is not ours."""

    verdict: Verdict
    sha256: str
    convention: Convention | None = None
    stage: str = ""
    is_latest: bool = False
    sentences: tuple[str, ...] = ()
    report: VerificationReport | None = None
    claims: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The verdict as plain data, for the command."""
        return {
            "verdict": self.verdict.value,
            "sha256": self.sha256,
            "number": self.convention.number if self.convention else None,
            "stage": self.stage,
            "is_latest": self.is_latest,
            "sentences": list(self.sentences),
            "signatures": [
                {
                    "kind": item.kind.value,
                    "signer": item.signer_name,
                    "organisation": item.organisation,
                    "signed_at": item.signed_at.isoformat() if item.signed_at else None,
                    "is_time_proved": item.is_time_proved,
                    "level": item.level,
                    "verdict": item.verdict.value,
                    "is_intact": item.is_intact,
                    "is_trusted": item.is_trusted,
                }
                for item in (self.report.signatures if self.report else ())
            ],
        }


def verify_upload(content: bytes) -> DocumentVerdict:
    """Judges a file that somebody sends: its bytes against ours, then each seal and signature."""
    sha256 = hashlib.sha256(content).hexdigest()
    known = Revision.objects.select_related("convention").filter(sha256=sha256).first()
    if known is not None:
        return _judge_known(known, content)
    claims = claimed_facts(content)
    convention = Convention.objects.filter(number=str(claims.get("number", ""))).first()
    expected = _expected(convention) if convention else []
    report = verify_pdf(
        content,
        trust=keyring.trust_material(),
        expected_sha256=expected[-1] if expected else None,
        expected_revisions=expected or None,
    )
    if convention is None:
        # Whatever its signatures are worth, it is not a document of this site.
        return DocumentVerdict(
            Verdict.FAILED, sha256, sentences=(UNKNOWN, *report.sentences), report=report, claims=claims
        )
    return DocumentVerdict(
        Verdict.worst([Verdict.FAILED, report.verdict]),
        sha256,
        convention=convention,
        sentences=report.sentences or (UNKNOWN,),
        report=report,
        claims=claims,
    )


def _judge_known(revision: Revision, content: bytes) -> DocumentVerdict:
    convention = revision.convention
    if revision.kind == RevisionKind.RENDERED:
        return DocumentVerdict(Verdict.INDETERMINATE, revision.sha256, convention=convention, sentences=(NOT_SEALED,))
    kinds = SIGNED_KINDS[: SIGNED_KINDS.index(RevisionKind(revision.kind)) + 1]
    expected = _expected(convention, kinds)
    report = verify_pdf(
        content, trust=keyring.trust_material(), expected_sha256=revision.sha256, expected_revisions=expected
    )
    latest = convention.current_revision()
    return DocumentVerdict(
        report.verdict,
        revision.sha256,
        convention=convention,
        stage=STAGES[RevisionKind(revision.kind)],
        is_latest=latest is not None and latest.pk == revision.pk,
        sentences=report.sentences,
        report=report,
    )


def _expected(convention: Convention, kinds: tuple[RevisionKind, ...] = SIGNED_KINDS) -> list[str]:
    """SHA-256 stored when each seal and signature was made, in order."""
    rows = convention.revisions.filter(kind__in=kinds).order_by("id")
    return list(rows.values_list("sha256", flat=True))


def verify_stored(convention: Convention) -> DocumentVerdict:
    """Judges the document that this site keeps, bytes included."""
    revision = convention.current_revision()
    if revision is None:
        return DocumentVerdict(
            Verdict.INDETERMINATE, "", convention=convention, sentences=("Le document n’est pas encore rédigé.",)
        )
    try:
        content = files.read(revision.file)
    except files.FileAltered:
        return DocumentVerdict(
            Verdict.FAILED,
            revision.sha256,
            convention=convention,
            sentences=("Le fichier conservé n’est plus celui qui a été enregistré.",),
        )
    return _judge_known(revision, content)


def find_by_number(number: str, code: str) -> Convention | None:
    """The convention of this number, when the printed code matches; wrong number and wrong code are one answer.

    The comparison takes the same time in both cases.
    """
    convention = Convention.objects.filter(number=number.strip().upper()).first()
    expected = convention.verification_code if convention else "-" * 14
    given = code.strip().upper().replace(" ", "-")
    same = secrets.compare_digest(given.encode(), expected.encode())
    return convention if convention and same else None


def claimed_facts(content: bytes) -> dict[str, Any]:
    """What the embedded ``convention.json`` says, without believing it: only to find what to compare with."""
    try:
        with pikepdf.open(BytesIO(content)) as pdf:
            attached = pdf.attachments.get("convention.json")
            data = json.loads(attached.get_file().read_bytes()) if attached is not None else {}
    except (pikepdf.PdfError, ValueError, RuntimeError, OSError):
        return {}
    return data if isinstance(data, dict) else {}
