"""API keys as the framework's authentication class; named in `REST_FRAMEWORK["DEFAULT_AUTHENTICATION_CLASSES"]`."""

from __future__ import annotations

from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from foundation.kernel.principal import Principal
from tenants import credentials
from tenants.selectors import authenticated


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer mw_…`. Another kind of token is left to the next class."""

    def authenticate(self, request: Request) -> tuple[Principal, None] | None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token.startswith(credentials.PREFIX + "_"):
            return None
        return authenticated(token), None

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="memwrit"'
