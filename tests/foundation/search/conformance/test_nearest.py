"""The nearest are the nearest: an answer does not hang on what a graph passed by, nor on what the asker may not see."""

from uuid import UUID

import numpy as np

from foundation.search.opensearch import asking
from foundation.search.opensearch.documents import halved
from tests.foundation.search.builders import EMBEDDER, document, found, plan, put

PERMITTED, OTHER = UUID(int=1), UUID(int=2)


def unit_rows(draw, count):
    """Evenly drawn: every two are about as far apart, which is the hardest case for a graph."""
    rows = draw.standard_normal((count, EMBEDDER.dim))
    return [halved(row / np.linalg.norm(row)) for row in rows]


def test_of_many_the_nearest_are_found_each_of_them(tenant):
    draw = np.random.default_rng(5)
    documents = [
        document("seat", vector=row, space_id=(PERMITTED, OTHER)[number % 2])
        for number, row in enumerate(unit_rows(draw, 1200))
    ]
    put(*documents)
    permitted = [one for one in documents if one.space_id == PERMITTED]
    for vector in unit_rows(draw, 8):
        asked = plan("", vector=vector, spaces=frozenset({PERMITTED}), k=50)
        nearest = sorted(permitted, key=lambda one: -float(one.vector @ vector))[: asked.depth]
        assert len(nearest) == asked.depth == 100
        assert found(asked) == {(one.id, 1) for one in nearest}


def test_where_there_is_more_than_was_counted_before_all_of_it_is_found(tenant, monkeypatch):
    """OpenSearch is asked for as many neighbours as there may be, by what was counted last."""
    monkeypatch.setattr(asking, "COMPARED", 5)
    documents, asked = [document("seat") for _ in range(6)], plan("", vector=plan("seat").vector)
    put(*documents[:5])
    assert len(found(asked)) == 5
    put(documents[5])
    assert len(found(asked)) == 6
