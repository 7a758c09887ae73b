"""`memwrit template`: what new indices of OpenSearch follow, put there before anybody needs one."""

from __future__ import annotations

import argparse

from django.conf import settings

from memwrit.commands.telling import Refused


def run(arguments: argparse.Namespace) -> int:
    """May be repeated. Raises `Unavailable` where the cluster cannot be asked, `Refused` where there is none."""
    if settings.SEARCH_ENGINE != "opensearch":
        raise Refused("SEARCH_ENGINE is not opensearch: there is no template to put")
    from foundation.search.opensearch.connection import Connection
    from foundation.search.opensearch.indices import put_template

    put_template(Connection())
    print(f"template {settings.OPENSEARCH_PREFIX}")
    return 0
