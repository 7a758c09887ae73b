"""The REST API as a client meets it: real credentials of two tenants, through every layer."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def quick(settings):
    """Marked persons and hashed words, as in `tests/governance`: the models have tests of their own."""
    from foundation.search.embedders import embedder

    settings.PII_REDACTOR = "tests.governance.plain.MarkedRedactor"
    settings.EMBEDDER = "hash"
    settings.RATE_LIMIT_STRANGERS = (100_000, 1000.0)  # a suite knocks at every door without a key
    embedder.cache_clear()  # a process keeps the first one it made, whichever test that was
    yield
    embedder.cache_clear()


@pytest.fixture
def here(database):
    from tests.api.builders import World

    return World("here")


@pytest.fixture
def there(database):
    from tests.api.builders import World

    return World("there")
