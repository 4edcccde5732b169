"""A key that never leaves its device: the same act through PKCS#11, on a software token."""

import os
import shutil
import subprocess
from pathlib import Path

import pkcs11
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12
from pkcs11 import Attribute, ObjectClass

from core.signing.keys import Pkcs11Source, SigningKeyError, open_signer
from core.signing.pki import DemonstrationPki
from core.signing.report import SignatureKind, Verdict
from core.signing.seal import seal
from core.signing.timestamps import LocalTimestampSource
from core.signing.verify import verify_pdf
from tests.core.signing.samples import prepared_sample

MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")


@pytest.fixture(scope="module")
def token(pki: DemonstrationPki, tmp_path_factory: pytest.TempPathFactory) -> Pkcs11Source:
    """A token that holds the key and certificate of the demonstration's seal."""
    assert shutil.which("softhsm2-util"), "package softhsm2 is missing"
    directory = tmp_path_factory.mktemp("token")
    (directory / "tokens").mkdir()
    configuration = directory / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {directory / 'tokens'}\n")
    os.environ["SOFTHSM2_CONF"] = str(configuration)
    source = pki.seal_source()
    key, certificate, chain = pkcs12.load_key_and_certificates(source.path.read_bytes(), source.passphrase)
    assert key is not None
    assert certificate is not None
    pem = directory / "key.pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    for arguments in (
        ["--init-token", "--free", "--label", "guichet", "--so-pin", "0000", "--pin", "1234"],
        ["--import", str(pem), "--token", "guichet", "--label", "seal", "--id", "A1", "--pin", "1234"],
    ):
        subprocess.run(["softhsm2-util", *arguments], check=True, capture_output=True)
    with pkcs11.lib(str(MODULE)).get_token(token_label="guichet").open(rw=True, user_pin="1234") as session:
        session.create_object(
            {
                Attribute.CLASS: ObjectClass.CERTIFICATE,
                Attribute.CERTIFICATE_TYPE: pkcs11.CertificateType.X_509,
                Attribute.TOKEN: True,
                Attribute.LABEL: "seal",
                Attribute.ID: b"\xa1",
                Attribute.SUBJECT: certificate.subject.public_bytes(),
                Attribute.VALUE: certificate.public_bytes(serialization.Encoding.DER),
            }
        )
    return Pkcs11Source(
        module=MODULE,
        token_label="guichet",
        pin="1234",
        key_label="seal",
        chain=tuple(item.public_bytes(serialization.Encoding.DER) for item in chain),
    )


def test_seal_with_a_device_key_is_accepted(pki: DemonstrationPki, token: Pkcs11Source):
    sealed = seal(
        prepared_sample(),
        field_name="seal",
        signer=token,
        timestamps=LocalTimestampSource(pki.timestamp_source()),
        trust=pki.trust(),
    )
    report = verify_pdf(sealed.pdf, trust=pki.trust(), expected_revisions=[sealed.sha256])
    assert report.verdict is Verdict.PASSED
    assert report.signatures[0].kind is SignatureKind.SEAL
    assert report.signatures[0].level == "B-LT"


def test_open_signer_wrong_token_or_pin_is_a_key_error_without_the_pin(token: Pkcs11Source):
    for broken in (
        Pkcs11Source(MODULE, "elsewhere", "1234", "seal"),
        Pkcs11Source(MODULE, "guichet", "987654", "seal"),
        Pkcs11Source(Path("/nowhere.so"), "guichet", "1234", "seal"),
    ):
        with pytest.raises(SigningKeyError) as caught, open_signer(broken):
            pass
        assert "987654" not in str(caught.value)
    assert "1234" not in repr(token)
