"""Documents and plans of few words, encoded under a fixed key: the engine needs no more."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import numpy as np

from foundation.kernel import outbox
from foundation.kernel.scope import current_tenant, tenant_transaction
from foundation.search import blind, generations
from foundation.search.analysis import document_terms, query_marks, query_terms
from foundation.search.embedders import HashEmbedder
from foundation.search.engine import engine
from foundation.search.port import Collection, Document, Plan

KEY = bytes(range(32))
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SPACE = UUID(int=1)
EMBEDDER = HashEmbedder()


def generation():
    return generations.active(EMBEDDER.name, EMBEDDER.dim)


def document(text="", *, rev=1, version=1, **facts):
    vector = blind.rotate(EMBEDDER.embed([text]), KEY)[0]
    standard = {
        "tenant_id": current_tenant(),
        "collection": Collection.MEMORY,
        "space_id": SPACE,
        "id": uuid4(),
        "state": "active",
        "kind": "semantic",
        "labels": frozenset(),
        "subjects": frozenset(),
        "group": None,
        "position": None,
        "valid_from": None,
        "valid_to": None,
        "recorded_at": datetime(2026, 1, 1, tzinfo=UTC),
        "superseded_at": None,
        "expires_at": None,
        "terms": document_terms(text, KEY),
        "vector": vector,
        "generation": facts.pop("generation", None) or generation().number,
    }
    return Document(version=version, rev=rev, **(standard | facts))


def plan(text, **facts):
    standard = {
        "generation": generation().number,
        "spaces": None,
        "roles": frozenset(),
        "terms": query_terms(text, KEY),
        "marks": query_marks(text, KEY),
        "vector": blind.rotate(EMBEDDER.embed([text]), KEY)[0] if text else None,
        "at": NOW,
    }
    return Plan(**(standard | facts))


def put(*documents):
    with tenant_transaction():
        return engine().put(documents)


def remove(*keys):
    """Removed, and whatever the engine still owes for it done."""
    with tenant_transaction():
        engine().remove(keys)
    settle()


def settle():
    while outbox.run_due():
        pass


def search(asked):
    with tenant_transaction():
        return engine().search(asked)


def found(asked):
    """The ids found, with their versions."""
    return {(hit.id, hit.version) for hit in search(asked)}


def scores(hits):
    return {(hit.id, hit.version): (hit.lexical, hit.dense) for hit in hits}


def close(one, other, tolerance=2e-3):
    assert one.keys() == other.keys()
    for key in one:
        assert np.allclose(one[key], other[key], atol=tolerance), (key, one[key], other[key])
