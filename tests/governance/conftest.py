"""What governance's tests stand on: a tenant with a space, an admin, an officer and an agent."""

from __future__ import annotations

from uuid import UUID

import pytest


def principal(tenant: UUID, role: str, *spaces: UUID):
    from foundation.kernel.ids import uuid7
    from foundation.kernel.principal import Principal, PrincipalKind, Role

    kind = PrincipalKind.AGENT if role == "agent" else PrincipalKind.PERSON
    return Principal(uuid7(), tenant, kind, Role(role), frozenset(spaces), name=role)


@pytest.fixture
def admin(tenant):
    return principal(tenant, "admin")


@pytest.fixture
def officer(tenant):
    return principal(tenant, "compliance")


@pytest.fixture
def space(admin):
    from governance.services.spaces import create_space

    return create_space(admin, name="support")


@pytest.fixture
def agent(tenant, space):
    return principal(tenant, "agent", space.id)


@pytest.fixture(autouse=True)
def quick(settings):
    """Recognisers and encoder cost seconds and have tests of their own: here persons are marked, and words hashed."""
    from foundation.search.embedders import embedder

    settings.PII_REDACTOR = "tests.governance.plain.MarkedRedactor"
    settings.EMBEDDER = "hash"
    embedder.cache_clear()  # a process keeps the first one it made, whichever test that was
    yield
    embedder.cache_clear()


@pytest.fixture(params=["postgres", "opensearch"])
def either_engine(request, settings):
    """The test runs on both search engines."""
    if request.param == "opensearch":
        request.getfixturevalue("on_opensearch")
    settings.SEARCH_ENGINE = request.param


@pytest.fixture(autouse=True)
def nothing_left_over(request):
    """Work that a test leaves behind is done before the next one begins."""
    yield
    from tests.governance.builders import drain

    drain()
