"""A sealed and twice signed document, made with real keys, for tests that need one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from core.pdf.render import Attachment, Metadata, render_document
from core.signing.fields import FieldSpec, prepare_fields
from core.signing.pki import DemonstrationPki, TrustMaterial
from core.signing.revision import SignedRevision
from core.signing.seal import seal
from core.signing.sign import sign
from core.signing.timestamps import LocalTimestampSource

FIELDS = {
    "seal": "Cachet de l’État",
    "beneficiary": "Signature du bénéficiaire",
    "state": "Signature du représentant de l’État",
}
PAGE = """<!doctype html><html lang="fr"><head><title>Convention</title><style>
@font-face {{ font-family: Marianne; src: url("/static/dsfr/dist/fonts/Marianne-Regular.woff2") }}
body {{ font: 10pt Marianne }}
.place {{ display: inline-block; width: 52mm; height: 24mm }}
</style></head><body><h1>{title}</h1><p>Une subvention unique de 88 000,00 €.</p>
<div class="place" id="field-seal"></div><div class="place" id="field-beneficiary"></div>
<div class="place" id="field-state"></div></body></html>"""


@dataclass(frozen=True)
class SignedSample:
    """The three revisions of a document and what a verifier trusts."""

    prepared: bytes
    seal: SignedRevision
    beneficiary: SignedRevision
    state: SignedRevision
    trust: TrustMaterial

    @property
    def pdf(self) -> bytes:
        return self.state.pdf

    @property
    def revisions(self) -> list[str]:
        return [self.seal.sha256, self.beneficiary.sha256, self.state.sha256]


def prepared_sample(title: str = "Convention n° 1") -> bytes:
    """A rendered document with its three empty fields."""
    document = render_document(
        PAGE.format(title=title),
        attachments=[Attachment("convention.json", b'{"amount": "88000.00"}', "application/json", "Données")],
        metadata=Metadata(title=title, at=datetime(2021, 6, 1, 10, tzinfo=UTC), author="Préfecture"),
    )
    places = {name: document.box(name) for name in FIELDS}
    return prepare_fields(
        document.pdf,
        [FieldSpec(name, places[name].box, label, places[name].page) for name, label in FIELDS.items()],
    )


def signed_sample(pki: DemonstrationPki, title: str = "Convention n° 1") -> SignedSample:
    """Seal, signature of the beneficiary, signature of the State."""
    timestamps = LocalTimestampSource(pki.timestamp_source())
    trust = pki.trust()
    prepared = prepared_sample(title)
    mayor = pki.person_source("person-1", common_name="Camille Martin", organisation="Commune de Lons")
    prefect = pki.person_source("person-2", common_name="Dominique Lefèvre", organisation="Préfecture du Jura")
    sealed = seal(
        prepared,
        field_name="seal",
        signer=pki.seal_source(),
        timestamps=timestamps,
        trust=trust,
        owner="Préfecture du Jura",
    )
    first = sign(sealed.pdf, "beneficiary", mayor, capacity="maire de Lons", timestamps=timestamps, trust=trust)
    second = sign(first.pdf, "state", prefect, capacity="préfet du Jura", timestamps=timestamps, trust=trust)
    return SignedSample(prepared, sealed, first, second, trust)
