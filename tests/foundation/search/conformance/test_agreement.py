"""One engine against the other: the same corpus, the same plans, the same answers."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as example_settings
from hypothesis import strategies as st

from foundation.kernel.scope import tenant_scope, tenant_transaction
from foundation.search import generations
from foundation.search.engine import engine
from foundation.search.fusion import fuse
from foundation.search.port import Collection, Key
from foundation.search.priors import with_priors
from tests.conftest import new_tenant
from tests.foundation.search.builders import EMBEDDER, NOW, document, plan, put, remove, search

HOUR = timedelta(hours=1)
WORDS = [
    *[
        "seat",
        "aisle",
        "window",
        "dog",
        "paint",
        "lake",
        "sunrise",
        "tax",
        "camp",
        "piano",
        "violin",
        "kettle",
        "bridge",
        "harbour",
    ]
]
texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=12).map(" ".join)
moments = st.sampled_from([None, *(NOW + step * HOUR for step in (-4, -2, 0, 2))])
facts = st.fixed_dictionaries(
    {
        "space_id": st.integers(1, 3).map(lambda number: UUID(int=number)),
        "labels": st.sets(st.sampled_from(["a", "b", "acl:legal", "acl:board"])).map(frozenset),
        "subjects": st.sets(st.sampled_from([b"x" * 16, b"y" * 16])).map(frozenset),
        "state": st.sampled_from(["active"] * 6 + ["held", "withdrawn"]),
        "kind": st.sampled_from(["semantic", "episodic"]),
        "valid_from": moments,
        "valid_to": moments,
        "superseded_at": st.sampled_from([None, None, None, NOW - HOUR, NOW]),
        "expires_at": moments,
        "recorded_at": st.sampled_from([NOW + step * HOUR for step in (-6, -3, -1)]),
        "group": st.sampled_from([None, b"g" * 16, b"h" * 16]),
        "position": st.sampled_from([None, 1, 2, 3]),
    }
)
asked = st.fixed_dictionaries(
    {
        "spaces": st.none() | st.frozensets(st.integers(1, 3).map(lambda number: UUID(int=number))),
        "roles": st.frozensets(st.sampled_from(["legal", "board", "agent"])),
        "labels": st.sampled_from([frozenset(), frozenset({"a"}), frozenset({"a", "b"})]),
        "kinds": st.sampled_from([frozenset(), frozenset({"semantic"})]),
        "subjects": st.sampled_from([frozenset(), frozenset({b"x" * 16}), frozenset({b"x" * 16, b"y" * 16})]),
        "as_of": moments,
        "known_at": moments,
        "k": st.sampled_from([1, 10, 60]),
    }
)
corpora = st.lists(st.tuples(texts, facts, st.sampled_from(["put", "put", "put", "remove", "again"])), max_size=40)


@pytest.fixture
def chosen(on_opensearch):
    """Both, one after the other."""


class OnEach:
    """The same acts on both engines, each in a tenant of its own."""

    def __init__(self, settings):
        self.settings, self.tenants = settings, {name: new_tenant() for name in ("postgres", "opensearch")}

    def __call__(self, act):
        return [self._on(name, act) for name in self.tenants]

    def _on(self, name, act):
        self.settings.SEARCH_ENGINE = name
        with tenant_scope(self.tenants[name]):
            return act()


def ranked(plan):
    return [(one.id, one.version) for one in with_priors(fuse(search(plan)))]


@example_settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(corpora, st.lists(st.tuples(texts, asked), min_size=1, max_size=4))
def test_both_engines_give_the_same_hits_scores_order_and_statistics(settings, written, questions):
    each = OnEach(settings)
    ids = [uuid4() for _ in written]

    def write():
        for record, (text, told, what) in zip(ids, written, strict=True):
            one = document(text, id=record, **told)
            put(one)
            if what == "remove":
                remove(Key(Collection.MEMORY, record, 1, rev=1))
            if what == "again":
                put(replace(one, rev=2, state="active"), replace(one, rev=1))

    def ask():
        plans = [plan(text, **told) for text, told in questions]
        with tenant_transaction():
            counted = [engine().statistics(one) for one in plans]
        held = [
            (found.documents, {term: number for term, number in found.frequencies.items() if number})
            for found in counted
        ]
        return [search(one) for one in plans], [ranked(one) for one in plans], held

    each(write)
    (hits, order, held), (other_hits, other_order, other_held) = each(ask)
    assert other_held == held
    for one, other in zip(hits, other_hits, strict=True):
        there = {(hit.id, hit.version): hit for hit in other}
        assert there.keys() == {(hit.id, hit.version) for hit in one}
        for hit in one:
            twin = there[hit.id, hit.version]
            assert (twin.group, twin.position) == (hit.group, hit.position)
            assert np.allclose((twin.lexical, twin.dense), (hit.lexical, hit.dense), rtol=2e-3, atol=1e-5)
    assert other_order == order


def test_of_many_candidates_both_engines_choose_the_same_best(settings):
    each, draw = OnEach(settings), np.random.default_rng(7)
    texts = [" ".join(draw.choice(WORDS, size=draw.integers(2, 14))) for _ in range(600)]
    ids = [UUID(int=number + 1) for number in range(600)]
    questions = [" ".join(draw.choice(WORDS, size=4)) for _ in range(12)]

    def write():
        return put(*(document(text, id=record) for text, record in zip(texts, ids, strict=True)))

    def ask():
        return [(search(plan(text)), ranked(plan(text))[:10]) for text in questions]

    assert each(write) == [600, 600]
    ours, theirs = each(ask)
    apart = [
        abs(twin.lexical - hit.lexical) / (hit.lexical or 1.0)
        for (hits, _), (others, _) in zip(ours, theirs, strict=True)
        for hit in hits
        for twin in others
        if twin.id == hit.id
    ]
    assert len(apart) > 1000
    assert max(apart) < 2e-3
    assert [best for _, best in theirs] == [best for _, best in ours]


def test_a_tenant_that_moves_from_one_engine_to_the_other_is_written_anew(settings, tenant):
    settings.SEARCH_ENGINE = "postgres"
    one = document("seat")
    put(one)
    settings.SEARCH_ENGINE = "opensearch"
    live = generations.active(EMBEDDER.name, EMBEDDER.dim)
    with tenant_transaction():
        assert not engine().ready(live)
        engine().rebuild(live, iter([one]))
    assert [hit.id for hit in search(plan("seat"))] == [one.id]
    settings.SEARCH_ENGINE = "postgres"
    with tenant_transaction():
        assert not engine().ready(live)
