"""OpenID Connect as we speak it: the code flow with PKCE, state and nonce, and nothing else.

Authlib reads metadata and ID tokens; every request goes out by the one egress client. What a browser keeps between
leaving and coming back is one random secret, in a cookie: state, nonce and PKCE's verifier are made from it, so nothing
waits on the server, and an answer that was meant for another browser fits no cookie.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import quote, urlencode
from uuid import UUID

from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from authlib.oidc.discovery import OpenIDProviderMetadata, get_well_known_url
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jws import extract_compact

from foundation.egress import Answer, Client, EgressError, Use
from foundation.kernel import clock
from foundation.kernel.problems import Problem, Unauthenticated, Unavailable
from tenants.discovery import AGAIN, LIFE, Document, Documents

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""Signatures that are checked with a public key: none that a client secret, or nothing at all, would make."""
LEEWAY = 60
_FORM = "application/x-www-form-urlencoded"
documents = Documents()


class Unproven(Unauthenticated):
    """The provider's answer does not show who this is. `why` is a closed word, for the audit log."""

    def __init__(self, why: str) -> None:
        super().__init__()
        self.why = why


@dataclass(frozen=True, slots=True)
class Provider:
    """A tenant's identity provider. `domains`: those of the addresses it may speak for; empty: all."""

    issuer: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    domains: tuple[str, ...] = ()

    def text(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def read(cls, text: bytes) -> Provider:
        fields = json.loads(text)
        return cls(**(fields | {"domains": tuple(fields["domains"])}))


@dataclass(frozen=True, slots=True)
class Journey:
    """One way to the provider and back: of which tenant, for which session (None: a new one), and its secret."""

    tenant_id: UUID
    session_id: UUID | None = None
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    def text(self) -> str:
        return f"{self.tenant_id.hex}.{self.session_id.hex if self.session_id else ''}.{self.secret}"

    @classmethod
    def read(cls, text: str) -> Journey:
        """Raises `Unproven` for what is none."""
        try:
            tenant, session, secret = text.split(".")
            return cls(UUID(hex=tenant), UUID(hex=session) if session else None, secret)
        except ValueError:
            raise Unproven("journey") from None

    def derived(self, use: str) -> str:
        """State, nonce or verifier: bound to the tenant and the session as well as to the secret."""
        told = f"{use}/{self.tenant_id}/{self.session_id}".encode()
        digest = hmac.digest(self.secret.encode(), told, hashlib.sha256)
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the provider says it is; `authenticated_at` (Unix seconds) is when it last asked, if it tells."""

    email: str = field(repr=False)
    authenticated_at: int | None = None


def leave(provider: Provider, journey: Journey, *, answer_at: str) -> str:
    """The provider's address to send the browser to; it comes back to `answer_at`. Raises `Unavailable`."""
    told = {"prompt": "login", "max_age": 0} if journey.session_id else {}
    return str(
        prepare_grant_uri(
            _metadata(provider)["authorization_endpoint"],
            client_id=provider.client_id,
            response_type="code",
            redirect_uri=answer_at,
            scope="openid email",
            state=journey.derived("state"),
            nonce=journey.derived("nonce"),
            code_challenge=create_s256_code_challenge(journey.derived("verifier")),
            code_challenge_method="S256",
            **told,
        )
    )


def come_back(provider: Provider, journey: Journey, answer: Mapping[str, str], *, answer_at: str) -> Identity:
    """Who came back with `answer` (the query of `answer_at`); raises `Unproven`, `Unavailable`."""
    if not hmac.compare_digest(answer.get("state", "").encode(), journey.derived("state").encode()):
        raise Unproven("state")
    if answer.get("iss", provider.issuer) != provider.issuer:  # RFC 9207: the answer of another provider
        raise Unproven("issuer")
    if answer.get("error") or not answer.get("code"):
        raise Unproven("declined")
    metadata = _metadata(provider)
    tokens = _redeem(provider, metadata, journey, answer["code"], answer_at)
    claims = _claims(provider, metadata, journey, tokens)
    return _identity(provider, claims)


def _metadata(provider: Provider) -> dict[str, Any]:
    """What the provider says of itself, if it is the one it is said to be."""
    told = OpenIDProviderMetadata(_published(get_well_known_url(provider.issuer, external=True)))
    if told.get("issuer") != provider.issuer:
        raise Unproven("issuer")
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
        _permitted(told.get(name))
    return dict(told)


def _published(url: str, *, within: float = LIFE) -> Document:
    """A document of the provider's, as it was fetched no longer than `within` seconds ago."""
    _permitted(url)
    return documents.get(url, lambda url: _json(_ask("GET", url)), within=within)


def _permitted(url: Any) -> None:
    """What the metadata names is where we, or the browser, go: it is judged as if we had been given it."""
    try:
        Client(Use.IDENTITY).check(str(url))
    except EgressError:
        raise Unproven("endpoint") from None


def _redeem(
    provider: Provider, metadata: Mapping[str, Any], journey: Journey, code: str, answer_at: str
) -> dict[str, Any]:
    asked = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": answer_at,
        "client_id": provider.client_id,
        "code_verifier": journey.derived("verifier"),
    }
    headers = {"content-type": _FORM, "accept": "application/json"}
    if provider.client_secret:
        pair = f"{quote(provider.client_id, safe='')}:{quote(provider.client_secret, safe='')}"
        headers["authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    answer = _ask("POST", metadata["token_endpoint"], headers=headers, body=urlencode(asked).encode())
    tokens = _json(answer)
    if not isinstance(tokens.get("id_token"), str):
        raise Unproven("token")
    return tokens


def _claims(
    provider: Provider, metadata: Mapping[str, Any], journey: Journey, tokens: Mapping[str, Any]
) -> dict[str, Any]:
    try:
        keys = _keys(metadata["jwks_uri"], tokens["id_token"])
        token = jwt.decode(tokens["id_token"], keys, algorithms=ALGORITHMS)
        options = {
            "iss": {"essential": True, "value": provider.issuer},
            "aud": {"essential": True, "value": provider.client_id},
        }
        told = {"nonce": journey.derived("nonce"), "client_id": provider.client_id}
        claims = CodeIDToken(token.claims, token.header, options, told | {"access_token": tokens.get("access_token")})
        claims.validate(now=int(clock.now().timestamp()), leeway=LEEWAY)
    except (JoseError, ValueError, TypeError, KeyError):
        raise Unproven("token") from None
    return dict(claims)


def _keys(uri: str, token: str) -> KeySet:
    """The provider's keys; fetched anew if none of those we know is the one that the token names."""
    published = _published(uri)
    if extract_compact(token.encode()).headers().get("kid") not in _named(published):
        published = _published(uri, within=AGAIN)
    return KeySet.import_key_set(published)  # type: ignore[arg-type]


def _named(published: Document) -> set[str]:
    return {str(each["kid"]) for each in published["keys"] if "kid" in each}


def _identity(provider: Provider, claims: Mapping[str, Any]) -> Identity:
    email, at = claims.get("email"), claims.get("auth_time")
    if not isinstance(email, str) or claims.get("email_verified") is not True:
        raise Unproven("email")
    domain = email.rpartition("@")[2].casefold()
    if provider.domains and domain not in provider.domains:
        raise Unproven("domain")
    return Identity(email, int(at) if isinstance(at, int | float) else None)


def _ask(method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Answer:
    try:
        return Client(Use.IDENTITY).request(method, url, headers=headers, body=body)
    except EgressError as error:
        refused: Problem = Unavailable(f"The identity provider was not reached ({error}).", retry_after=5)
    raise refused


def _json(answer: Answer) -> dict[str, Any]:
    if answer.status >= 500:
        raise Unavailable("The identity provider does not answer.", retry_after=5)
    try:
        told = json.loads(answer.body)
    except ValueError:
        told = None
    if answer.status != 200 or not isinstance(told, dict):
        raise Unproven("answer")
    return told
