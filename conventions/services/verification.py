"""Is this document ours, whole, and signed by whom it says? Three answers, never a guess.

What an uploaded file claims of itself is never read: a convention is found by the SHA-256 of the bytes that its seal
and signatures cover, or not at all. So a file forged around a guessed number learns nothing from the answer.
"""

import hashlib
import re
import secrets
from dataclasses import dataclass
from typing import Any

from conventions.enums import RevisionKind
from conventions.models import Convention, Revision
from core import files, keyring
from core.models import StoredFile
from core.signing.report import FINDINGS, Verdict, VerificationReport
from core.signing.verify import verify_pdf

# The revisions that carry a seal or a signature, in the order of the acts.
SIGNED_KINDS = (RevisionKind.SEALED, RevisionKind.BENEFICIARY, RevisionKind.STATE)
STAGES = {
    RevisionKind.SEALED: "Version revêtue du cachet de l’État, avant toute signature.",
    RevisionKind.BENEFICIARY: "Version signée par le bénéficiaire, avant la signature de l’État.",
    RevisionKind.STATE: "Version définitive, signée par les deux parties.",
}
# What this site writes without seal nor signature.
UNSIGNED_KINDS = ("acknowledgement", "jury.minutes")
OURS_UNSIGNED = (
    "Ce n’est pas une convention : il ne porte ni cachet ni signature, et son empreinte n’est prouvée que par ce site."
)
UNKNOWN = (
    "Ce fichier ne correspond à aucun document enregistré sur ce site : il n’a pas été établi ici, ou il a été modifié "
    "ou endommagé depuis."
)
CHANGED = (
    "Ce fichier commence comme un document de ce site, mais ce n’est pas le fichier enregistré : il a été modifié."
)
NOT_SEALED = "Ce fichier est un projet sans cachet ni signature : il ne prouve rien."
SUPERSEDED = "Ce n’est pas la version en vigueur : le document a reçu depuis une autre signature. Demandez-en la dernière version."
NOT_WRITTEN = "Le document n’est pas encore rédigé."
ALTERED = "Le fichier conservé par ce site n’est plus celui qui a été enregistré. Prévenez l’administration."
NO_CODE = "-" * 14
NUMBER = re.compile(r"[A-Z]{1,10}-\d{4}-\d{1,10}")


@dataclass(frozen=True)
class DocumentVerdict:
    """What the page and the command say. ``convention`` is None for a file that is not ours.

    ``is_superseded``: authentic bytes of ours, but signed again since; never « passed ».
    """

    verdict: Verdict
    sha256: str
    convention: Convention | None = None
    stage: str = ""
    is_superseded: bool = False
    is_upload: bool = True
    # The very bytes of a document that this site makes without a seal (acknowledgement, minutes).
    is_ours_unsigned: bool = False
    sentences: tuple[str, ...] = ()
    report: VerificationReport | None = None

    def to_json(self) -> dict[str, Any]:
        """The verdict as plain data, for the command."""
        return {
            "verdict": self.verdict.value,
            "sha256": self.sha256,
            "number": self.convention.number if self.convention else None,
            "stage": self.stage,
            "is_superseded": self.is_superseded,
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
    if StoredFile.objects.filter(sha256=sha256, kind__in=UNSIGNED_KINDS).exists():
        return DocumentVerdict(Verdict.INDETERMINATE, sha256, is_ours_unsigned=True, sentences=(OURS_UNSIGNED,))
    report = verify_pdf(content, trust=keyring.trust_material())
    said = tuple(text for text in report.sentences if text != FINDINGS["not_compared"][1])
    covered = [item.revision_sha256 for item in report.signatures if item.revision_sha256]
    begun = Revision.objects.select_related("convention").filter(sha256__in=covered).first()
    # Whatever its signatures are worth, these bytes are not those of a document of this site.
    return DocumentVerdict(
        Verdict.FAILED,
        sha256,
        convention=begun.convention if begun else None,
        sentences=(CHANGED if begun else UNKNOWN, *said),
        report=report,
    )


def _judge_known(revision: Revision, content: bytes, *, is_upload: bool = True) -> DocumentVerdict:
    convention, kind = revision.convention, RevisionKind(revision.kind)
    if kind == RevisionKind.RENDERED:
        return DocumentVerdict(
            Verdict.INDETERMINATE,
            revision.sha256,
            convention=convention,
            is_upload=is_upload,
            sentences=(NOT_SEALED,),
        )
    kinds = SIGNED_KINDS[: SIGNED_KINDS.index(kind) + 1]
    rows = convention.revisions.filter(kind__in=kinds).order_by("id")
    report = verify_pdf(
        content,
        trust=keyring.trust_material(),
        expected_sha256=revision.sha256,
        expected_revisions=list(rows.values_list("sha256", flat=True)),
    )
    latest = convention.current_revision()
    superseded = latest is None or latest.pk != revision.pk
    return DocumentVerdict(
        Verdict.worst([Verdict.INDETERMINATE, report.verdict]) if superseded else report.verdict,
        revision.sha256,
        convention=convention,
        stage=STAGES[kind],
        is_superseded=superseded,
        is_upload=is_upload,
        sentences=((SUPERSEDED,) if superseded else ()) + report.sentences,
        report=report,
    )


def verify_stored(convention: Convention) -> DocumentVerdict:
    """Judges the document that this site keeps, bytes included."""
    revision = convention.current_revision()
    if revision is None:
        return DocumentVerdict(
            Verdict.INDETERMINATE, "", convention=convention, is_upload=False, sentences=(NOT_WRITTEN,)
        )
    try:
        content = files.read(revision.file)
    except files.FileAltered:
        return DocumentVerdict(
            Verdict.FAILED, revision.sha256, convention=convention, is_upload=False, sentences=(ALTERED,)
        )
    return _judge_known(revision, content, is_upload=False)


def find_by_number(number: str, code: str) -> Convention | None:
    """The convention of this number, when the printed code matches; wrong number and wrong code are one answer.

    The comparison takes the same time in both cases.
    """
    wanted = number.strip().upper()
    convention = Convention.objects.filter(number=wanted).first() if NUMBER.fullmatch(wanted) else None
    expected = convention.verification_code if convention else NO_CODE
    same = secrets.compare_digest(_plain(code).encode(), _plain(expected).encode())
    return convention if convention and same else None


def _plain(code: str) -> str:
    """A code as compared: capitals, without the spaces and dashes that people type or forget."""
    return "".join(code.upper().split()).replace("-", "").replace("–", "")[:40]
