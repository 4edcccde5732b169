"""A small OpenID provider that behaves like ProConnect: signed userinfo, PKCE, nonce, end of session."""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT_ID = "guichet-test"
CLIENT_SECRET = "secret du test"
PERSON = {
    "sub": "b6048e95-aude",
    "given_name": "Aude",
    "usual_name": "Perrin",
    "email": "aude.perrin@example.fr",
    "siret": "21440109300015",
}


class Provider:
    """State of the provider. Tests change ``person``, ``forge`` and the keys to misbehave."""

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.signing_key = self.key
        self.person: dict[str, Any] = dict(PERSON)
        # Claims replaced in a token just before it is signed: {"id_token": {...}, "userinfo": {...}}.
        self.forge: dict[str, dict[str, Any]] = {"id_token": {}, "userinfo": {}}
        self.signed_userinfo = True
        self.userinfo_status = 200
        self.gives_id_token = True
        self.algorithm = "RS256"
        self.key_name: str | None = "k1"
        self.codes: dict[str, dict[str, str]] = {}
        self.tokens: set[str] = set()
        self.seen: list[dict[str, str]] = []
        self.url = ""

    def discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "jwks_uri": f"{self.url}/jwks",
            "end_session_endpoint": f"{self.url}/logout",
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
            "code_challenge_methods_supported": ["S256"],
        }

    def jwks(self) -> dict[str, Any]:
        key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
        return {"keys": [{**key, "kid": "k1", "alg": "RS256", "use": "sig"}]}

    def sign(self, kind: str, claims: dict[str, Any]) -> str:
        now = int(time.time())
        whole = {"iss": self.url, "aud": CLIENT_ID, "iat": now, "exp": now + 60, **claims, **self.forge[kind]}
        whole = {name: value for name, value in whole.items() if value is not None}
        key = self.signing_key if self.algorithm.startswith("RS") else ""
        headers = {"kid": self.key_name} if self.key_name else {}
        return jwt.encode(whole, key, algorithm=self.algorithm, headers=headers)

    def authorize(self, address: str) -> str:
        """What the browser does: follow the address, sign in, come back with a code. Returns the way back."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        self.seen.append(query)
        assert query["client_id"] == CLIENT_ID
        assert query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(12)
        self.codes[code] = query
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state'], 'iss': self.url})}"

    def exchange(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        asked = self.codes.pop(form.get("code", ""), None)
        verifier = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if (
            asked is None
            or form.get("client_secret") != CLIENT_SECRET
            or form.get("redirect_uri") != asked["redirect_uri"]
            or verifier.decode().rstrip("=") != asked["code_challenge"]
        ):
            return 400, {"error": "invalid_grant"}
        token = secrets.token_urlsafe(12)
        self.tokens.add(token)
        evidence = {"sub": self.person["sub"], "nonce": asked["nonce"], "acr": "eidas1", "amr": ["pwd"]}
        answer: dict[str, Any] = {"access_token": token, "token_type": "Bearer", "expires_in": 60}
        return 200, {**answer, "id_token": self.sign("id_token", evidence)} if self.gives_id_token else answer


class Handler(BaseHTTPRequestHandler):
    provider: Provider

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path == "/.well-known/openid-configuration":
            self.answer(200, json.dumps(self.provider.discovery()))
        elif path == "/jwks":
            self.answer(200, json.dumps(self.provider.jwks()))
        elif path == "/userinfo":
            if self.headers.get("Authorization", "").removeprefix("Bearer ") not in self.provider.tokens:
                self.answer(401, "{}")
            elif self.provider.signed_userinfo:
                token = self.provider.sign("userinfo", self.provider.person)
                self.answer(self.provider.userinfo_status, token, "application/jwt")
            else:
                self.answer(200, json.dumps(self.provider.person))
        else:
            self.answer(404, "{}")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        status, answer = self.provider.exchange({k: v[0] for k, v in parse_qs(body).items()})
        self.answer(status, json.dumps(answer))

    def answer(self, status: int, body: str, media_type: str = "application/json") -> None:
        content = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: the tests read ``provider.seen``."""


@contextmanager
def running() -> Iterator[Provider]:
    """The provider, listening on a free port of this machine."""
    provider = Provider()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("BoundHandler", (Handler,), {"provider": provider}))
    provider.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)
