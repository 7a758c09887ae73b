"""The engine of this deployment, by the setting `SEARCH_ENGINE`."""

from functools import cache

from django.conf import settings
from django.utils.module_loading import import_string

from foundation.search.port import SearchEngine

_NAMED = {
    "postgres": "foundation.search.postgres_engine.PostgresEngine",
    "opensearch": "foundation.search.opensearch.engine.OpenSearchEngine",
}


def engine() -> SearchEngine:
    """The adapter named in the settings: a short name, or a dotted path to a class made without arguments."""
    return _made(settings.SEARCH_ENGINE)


@cache
def _made(chosen: str) -> SearchEngine:
    made: SearchEngine = import_string(_NAMED.get(chosen, chosen))()
    return made
