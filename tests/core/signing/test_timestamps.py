"""RFC 3161 tokens: from this process, over HTTP from a live server, and refused when wrong."""

import asyncio
import hashlib
import io
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from asn1crypto import algos, tsp

from core.signing.keys import SigningError
from core.signing.pki import DemonstrationPki
from core.signing.report import Verdict
from core.signing.seal import seal
from core.signing.timestamps import (
    HttpTimestampSource,
    LocalAuthority,
    LocalTimestampSource,
    TimestampError,
    authority_application,
    timestamp_digest,
    verify_timestamp_token,
)
from core.signing.verify import verify_pdf
from tests.core.signing.samples import prepared_sample

DIGEST = hashlib.sha256(b"head of the journal").digest()


class SilentHandler(WSGIRequestHandler):
    def log_message(self, *_arguments):
        pass


@pytest.fixture(scope="module")
def authority_url(pki: DemonstrationPki) -> Iterator[str]:
    application = authority_application(LocalAuthority(pki.timestamp_source()))
    with make_server("127.0.0.1", 0, application, handler_class=SilentHandler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_timestamp_digest_token_proves_the_hash(pki: DemonstrationPki):
    before = datetime.now(UTC)
    token = timestamp_digest(DIGEST, source=LocalTimestampSource(pki.timestamp_source()))
    verified = verify_timestamp_token(token, DIGEST, trust=pki.trust())
    assert before <= verified.at <= datetime.now(UTC)
    assert verified.authority == "Guichet — démonstration — autorité d’horodatage"
    assert verified.serial


def test_verify_timestamp_token_other_hash_or_altered_or_unknown_is_refused(pki: DemonstrationPki, tmp_path: Path):
    trust = pki.trust()
    token = timestamp_digest(DIGEST, source=LocalTimestampSource(pki.timestamp_source()))
    with pytest.raises(TimestampError, match="does not match"):
        verify_timestamp_token(token, hashlib.sha256(b"other").digest(), trust=trust)
    for altered in (token[:-5] + bytes([token[-5] ^ 1]) + token[-4:], token[:100], b"", token + b"x"):
        with pytest.raises(TimestampError):
            verify_timestamp_token(altered, DIGEST, trust=trust)
    stranger = DemonstrationPki(tmp_path / "keys")
    with pytest.raises(TimestampError, match="not trusted"):
        verify_timestamp_token(token, DIGEST, trust=stranger.trust())
    foreign = timestamp_digest(DIGEST, source=LocalTimestampSource(stranger.timestamp_source()))
    with pytest.raises(TimestampError, match="not trusted"):
        verify_timestamp_token(foreign, DIGEST, trust=trust)


def test_verify_timestamp_token_revoked_authority_is_refused(tmp_path: Path):
    pki = DemonstrationPki(tmp_path / "keys")
    token = timestamp_digest(DIGEST, source=LocalTimestampSource(pki.timestamp_source()))
    pki.revoke(pki.timestamp_source())
    with pytest.raises(TimestampError, match="revoked"):
        verify_timestamp_token(token, DIGEST, trust=pki.trust())


def test_timestamp_digest_token_is_accepted_by_openssl(pki: DemonstrationPki, tmp_path: Path):
    token = tmp_path / "token.der"
    token.write_bytes(timestamp_digest(DIGEST, source=LocalTimestampSource(pki.timestamp_source())))
    root = tmp_path / "root.pem"
    source = pki.directory / "authority" / "root.cer"
    subprocess.run(["openssl", "x509", "-inform", "der", "-in", source, "-out", root], check=True)
    command: list[str | Path] = ["openssl", "ts", "-verify", "-token_in", "-in", token, "-CAfile", root, "-digest"]
    good = subprocess.run([*command, DIGEST.hex()], capture_output=True, text=True)
    assert "Verification: OK" in good.stdout + good.stderr
    wrong = subprocess.run([*command, "00" * 32], capture_output=True, text=True)
    assert wrong.returncode != 0


def test_http_source_live_server_gives_token_and_timestamped_seal(pki: DemonstrationPki, authority_url: str):
    source = HttpTimestampSource(authority_url)
    assert verify_timestamp_token(timestamp_digest(DIGEST, source=source), DIGEST, trust=pki.trust())
    sealed = seal(prepared_sample(), field_name="seal", signer=pki.seal_source(), timestamps=source, trust=pki.trust())
    assert sealed.level == "B-LT"
    report = verify_pdf(sealed.pdf, trust=pki.trust(), expected_revisions=[sealed.sha256])
    assert report.verdict is Verdict.PASSED
    assert report.signatures[0].is_time_proved


def test_http_source_unreachable_or_not_an_authority_is_an_error(pki: DemonstrationPki, authority_url: str):
    with pytest.raises(TimestampError):
        timestamp_digest(DIGEST, source=HttpTimestampSource("http://127.0.0.1:9/", timeout=2))
    with pytest.raises(SigningError):
        seal(
            prepared_sample(),
            field_name="seal",
            signer=pki.seal_source(),
            timestamps=HttpTimestampSource("http://127.0.0.1:9/", timeout=2),
        )


def call(application, *, method="POST", kind="application/timestamp-query", body=b"", length=None):
    seen = []
    environ = {
        "REQUEST_METHOD": method,
        "CONTENT_TYPE": kind,
        "CONTENT_LENGTH": str(len(body)) if length is None else length,
        "wsgi.input": io.BytesIO(body),
    }
    parts = list(application(environ, lambda status, headers: seen.append(status)))
    return seen[0][:3], b"".join(parts)


def test_authority_application_refuses_what_is_not_a_request(pki: DemonstrationPki):
    application = authority_application(LocalAuthority(pki.timestamp_source()))
    assert call(application, method="GET")[0] == "405"
    assert call(application, kind="text/plain")[0] == "415"
    assert call(application, length="99999999")[0] == "413"
    assert call(application, length="-1")[0] == "413"
    assert call(application, body=b"garbage")[0] == "400"


def test_authority_application_weak_digest_is_rejected(pki: DemonstrationPki, tmp_path: Path):
    application = authority_application(LocalAuthority(pki.timestamp_source()))
    imprint = {
        "hash_algorithm": algos.DigestAlgorithm({"algorithm": "sha1"}),
        "hashed_message": hashlib.sha1(b"x").digest(),
    }
    request = tsp.TimeStampReq({"version": 1, "message_imprint": tsp.MessageImprint(imprint), "cert_req": True})
    status, body = call(application, body=request.dump())
    assert status == "200"
    answer = tmp_path / "answer.der"
    answer.write_bytes(body)
    text = subprocess.run(["openssl", "ts", "-reply", "-in", answer, "-text"], capture_output=True, text=True).stdout
    assert "Status: Rejected." in text
    assert "unrecognized or unsupported algorithm" in text


def test_timestamp_asked_for_inside_a_running_loop_is_given(pki):
    async def ask() -> bytes:
        return timestamp_digest(b"\0" * 32, source=LocalTimestampSource(pki.timestamp_source()))

    # In a thread of its own: a browser test before this one may have left its loop running in this thread.
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(lambda: asyncio.run(ask())).result()
