"""Every test here runs on every engine."""

import pytest

from foundation.search.engine import engine


@pytest.fixture(params=["postgres", "opensearch"], autouse=True)
def chosen(request, settings):
    """The engine under test."""
    if request.param == "opensearch":
        request.getfixturevalue("on_opensearch")
    settings.SEARCH_ENGINE = request.param
    return engine()
