"""Where documents stand: pooled indices with required routing, and indices of its own for a large tenant.

A tenant that `OPENSEARCH_OWN_INDEX` names (large or regulated; worth it from about `LARGE` memories, where its graph
would dominate its neighbours' shard) gets indices that can be dropped whole. Naming a tenant later means a rebuild.
"""

from typing import Any
from uuid import UUID

from django.conf import settings

from foundation.search.opensearch.connection import Connection, Refused
from foundation.search.port import Generation

LARGE = 200_000
_PATIENCE = 30.0  # seconds; making an index is the cluster's work, not a shard's
_KEYWORDS = ("tenant", "build", "state", "collection", "space", "record", "kind", "acl", "labels", "subjects")
_TIMES = ("valid_from", "valid_to", "recorded_at", "superseded_at", "expires_at")  # microseconds since 1970
_TOLD = {"type": "long", "index": False}
_BYTES = {"type": "binary", "doc_values": True}

FIELDS: dict[str, Any] = {
    **{name: {"type": "keyword"} for name in _KEYWORDS},
    **{name: {"type": "long"} for name in _TIMES},
    "revision": _TOLD,
    "version": _TOLD,
    "terms": {"type": "rank_features"},
    "card": _BYTES,
    "half": _BYTES,
}


def name(tenant_id: UUID, generation: Generation) -> str:
    """The index of one generation of a tenant."""
    if str(tenant_id) in settings.OPENSEARCH_OWN_INDEX:
        return f"{settings.OPENSEARCH_PREFIX}-own-{tenant_id.hex}-{generation.number}"
    return f"{settings.OPENSEARCH_PREFIX}-pool-{generation.dim}"


def create(node: Connection, index: str, dim: int) -> None:
    """Make the index, and the template it follows, unless it is there."""
    if node.call("GET", f"/{index}/_settings") is not None:
        return
    put_template(node)
    try:
        node.call("PUT", f"/{index}", body={"mappings": {"properties": {"vec": vector(dim)}}}, patience=_PATIENCE)
    except Refused as refused:
        if "resource_already_exists" not in str(refused):
            raise


def put_template(node: Connection) -> None:
    """What indices made from now on follow; those there are keep what they have."""
    node.call("PUT", f"/_index_template/{settings.OPENSEARCH_PREFIX}", body=template(), patience=_PATIENCE)


def template() -> dict[str, Any]:
    """What every index of ours is: strict, routed, and without a stored source.

    Without the source the text form of terms and vectors is stored nowhere; everything is rebuilt from PostgreSQL.
    """
    prefix = settings.OPENSEARCH_PREFIX
    return {
        "index_patterns": [f"{prefix}-pool-*", f"{prefix}-own-*"],
        "template": {
            "settings": {
                "index": {
                    "knn": True,
                    "number_of_shards": settings.OPENSEARCH_SHARDS,
                    "auto_expand_replicas": settings.OPENSEARCH_REPLICAS,
                    "refresh_interval": "1s",
                    "gc_deletes": "24h",
                    "merge.policy.expunge_deletes_allowed": 0,
                }
            },
            "mappings": {
                "dynamic": "strict",
                "_routing": {"required": True},
                "_source": {"enabled": False, "recovery_source_enabled": False},
                "properties": FIELDS,
            },
        },
    }


def vector(dim: int) -> dict[str, Any]:
    """`lucene` is written out: it is the engine whose filter works inside the search, and needs no native library."""
    method = {"name": "hnsw", "engine": "lucene", "space_type": "innerproduct", "parameters": {"m": 16}}
    return {"type": "knn_vector", "dimension": dim, "method": method}
