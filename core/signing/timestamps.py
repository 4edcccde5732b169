"""RFC 3161 timestamps: where they come from, tokens on a hash, and their verification."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from asn1crypto import cms, tsp
from certomancer.services import TimeStamper as AuthorityEngine
from pyhanko.sign.signers import SimpleSigner
from pyhanko.sign.timestamps import HTTPTimeStamper, TimeStamper
from pyhanko.sign.validation.generic_cms import validate_tst_signed_data

from core.signing.keys import Pkcs12Source, open_signer
from core.signing.loops import outside_any_loop
from core.signing.pki import TrustMaterial
from core.signing.trust import is_revoked, validation_context

MAX_REQUEST = 16 << 10
# TimeStampResp with status rejection (2) and failure badAlg (0), which the library cannot write.
REJECTION = bytes.fromhex("3009300702010203020780")
DIGEST_SIZES = {"sha256": 32, "sha384": 48, "sha512": 64}


class TimestampError(Exception):
    """No token was obtained, or it does not prove what it should."""


class RefusedRequest(ValueError):
    """The authority does not timestamp this kind of digest."""


@dataclass(frozen=True)
class HttpTimestampSource:
    """A timestamp authority reached over HTTP; ``timeout`` in seconds."""

    url: str
    username: str = ""
    password: str = field(default="", repr=False)
    timeout: float = 10.0


@dataclass(frozen=True)
class LocalTimestampSource:
    """The authority of the demonstration, played in this process with its own key."""

    key: Pkcs12Source


TimestampSource = HttpTimestampSource | LocalTimestampSource


@dataclass(frozen=True)
class VerifiedTimestamp:
    """What a valid token proves: this hash existed at ``at``, says ``authority``."""

    at: datetime
    authority: str
    serial: str


class LocalAuthority:
    """Answers RFC 3161 requests with the key of the demonstration's authority."""

    def __init__(self, key: Pkcs12Source) -> None:
        with open_signer(key) as signer:
            assert isinstance(signer, SimpleSigner)
            self._certificate = signer.signing_cert
            self._key = signer.signing_key
            self._chain = list(signer.cert_registry)

    def answer(self, request: tsp.TimeStampReq) -> tsp.TimeStampResp:
        """Grant a token for a SHA-2 digest of the right length; RefusedRequest otherwise."""
        imprint = request["message_imprint"]
        algorithm = imprint["hash_algorithm"]["algorithm"].native
        if len(imprint["hashed_message"].native) != DIGEST_SIZES.get(algorithm):
            raise RefusedRequest("not a SHA-2 digest")
        engine = AuthorityEngine(
            self._certificate,
            self._key,
            certs_to_embed=self._chain,
            fixed_dt=datetime.now(UTC),
        )
        return engine.request_tsa_response(request)


class LocalTimeStamper(TimeStamper):
    """Client side of ``LocalAuthority`` in the same process."""

    def __init__(self, authority: LocalAuthority) -> None:
        super().__init__()
        self._authority = authority

    async def async_request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
        """Answer at once, without any network."""
        return self._authority.answer(req)


def open_timestamper(source: TimestampSource) -> TimeStamper:
    """Return a client for ``source``; SigningKeyError when a local key cannot be read."""
    if isinstance(source, LocalTimestampSource):
        return _local(source)
    # Not kept between two signatures: an authority may change its certificate at any time.
    auth = (source.username, source.password) if source.username else None
    return HTTPTimeStamper(source.url, timeout=source.timeout, auth=auth)


@lru_cache(maxsize=4)
def _local(source: LocalTimestampSource) -> TimeStamper:
    return LocalTimeStamper(LocalAuthority(source.key))


@outside_any_loop
def timestamp_digest(sha256: bytes, *, source: TimestampSource) -> bytes:
    """Return an RFC 3161 token (DER) on a SHA-256 digest; TimestampError when none came."""
    if len(sha256) != 32:
        raise ValueError("a SHA-256 digest has 32 bytes")
    try:
        token = asyncio.run(open_timestamper(source).async_timestamp(sha256, "sha256"))
    except Exception as error:
        raise TimestampError(f"no timestamp: {error}") from error
    return bytes(token.dump())


@outside_any_loop
def verify_timestamp_token(token: bytes, sha256: bytes, *, trust: TrustMaterial) -> VerifiedTimestamp:
    """Check that ``token`` is a trusted timestamp of ``sha256``; TimestampError otherwise."""
    try:
        content = cms.ContentInfo.load(token, strict=True)
        signed_data = content["content"]
        status = asyncio.run(_validate(signed_data, sha256, trust))
    except Exception as error:
        raise TimestampError(f"unreadable token: {type(error).__name__}") from error
    if not (status["valid"] and status["intact"]):
        raise TimestampError("the token does not match this hash, or was altered")
    if asyncio.run(is_revoked(status["signing_cert"], trust)):
        raise TimestampError("the certificate of the authority is revoked")
    if status.get("validation_path") is None or status.get("trust_problem_indic") is not None:
        raise TimestampError("the authority of the token is not trusted")
    info = signed_data["encap_content_info"]["content"].parsed
    return VerifiedTimestamp(
        at=status["timestamp"],
        authority=status["signing_cert"].subject.native.get("common_name", ""),
        serial=f"{info['serial_number'].native:x}",
    )


async def _validate(signed_data: cms.SignedData, sha256: bytes, trust: TrustMaterial) -> dict[str, Any]:
    def imprint(algorithm: str) -> bytes:
        # A token on another hash function can never be one on this digest.
        return sha256 if algorithm == "sha256" else b""

    result = await validate_tst_signed_data(signed_data, validation_context(trust), imprint)
    return dict(result)


StartResponse = Callable[[str, list[tuple[str, str]]], Any]


def authority_application(
    authority: LocalAuthority,
) -> Callable[[dict[str, Any], StartResponse], Iterable[bytes]]:
    """Return a WSGI application that serves ``authority`` over HTTP (RFC 3161, 3.4)."""

    def application(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        def refuse(status: str) -> Iterable[bytes]:
            start_response(status, [("Content-Type", "text/plain")])
            return [status.encode()]

        if environ.get("REQUEST_METHOD") != "POST":
            return refuse("405 Method Not Allowed")
        if environ.get("CONTENT_TYPE") != "application/timestamp-query":
            return refuse("415 Unsupported Media Type")
        length = environ.get("CONTENT_LENGTH") or ""
        if not length.isdecimal() or int(length) > MAX_REQUEST:
            return refuse("413 Content Too Large")
        try:
            request = tsp.TimeStampReq.load(environ["wsgi.input"].read(int(length)), strict=True)
            answer = authority.answer(request).dump()
        except RefusedRequest:
            answer = REJECTION
        except (ValueError, TypeError, KeyError):
            return refuse("400 Bad Request")
        start_response("200 OK", [("Content-Type", "application/timestamp-reply")])
        return [answer]

    return application
