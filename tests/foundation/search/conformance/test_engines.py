"""Each engine against an exact model of it in numpy: what is found, with which scores, and what is never found."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foundation.kernel.problems import Unavailable
from foundation.kernel.scope import tenant_scope, tenant_transaction
from foundation.search import generations
from foundation.search.analysis import idf
from foundation.search.engine import engine
from foundation.search.port import Collection, Expected, Key, StaleGeneration, Statistics
from tests.foundation.search.builders import (
    EMBEDDER,
    KEY,
    NOW,
    SPACE,
    close,
    document,
    found,
    generation,
    plan,
    put,
    remove,
    scores,
    search,
)

OTHER_SPACE = UUID(int=2)
HOUR = timedelta(hours=1)
WORDS = ["seat", "aisle", "window", "dog", "paint", "lake", "sunrise", "tax", "camp", "piano"]


def expected_scores(documents, asked):
    """BM25 and cosine of every document, by the formulas, with the statistics of exactly these documents."""
    frequencies = {term: sum(term in document.terms for document in documents) for term in asked.terms}
    return {
        (one.id, one.version): (
            sum(
                count * idf(len(documents), frequencies[term]) * one.terms.get(term, 0)
                for term, count in asked.terms.items()
            ),
            float(one.vector @ asked.vector),
        )
        for one in documents
    }


texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=8).map(" ".join)
property_test = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@property_test
@given(st.lists(texts, min_size=1, max_size=25), texts)
def test_both_arms_score_as_the_formulas_say(tenant, written, question):
    with tenant_transaction():
        engine().purge()
    documents = [document(text) for text in written]
    put(*documents)
    asked = plan(question)
    close(scores(search(asked)), expected_scores(documents, asked))


@property_test
@given(st.lists(st.tuples(texts, st.sampled_from([1, 2, 3]), st.sampled_from(["", "acl:legal"])), max_size=25), texts)
def test_hits_and_scores_are_those_of_a_store_that_holds_only_what_is_permitted(tenant, written, question):
    with tenant_transaction():
        engine().purge()
    documents = [
        document(text, space_id=UUID(int=space), labels=frozenset({label} - {""})) for text, space, label in written
    ]
    put(*documents)
    permitted = [one for one in documents if one.space_id.int in (1, 2) and not one.labels]
    asked = plan(question, spaces=frozenset({UUID(int=1), UUID(int=2)}), roles=frozenset({"agent"}))
    close(scores(search(asked)), expected_scores(permitted, asked))


def test_each_arm_brings_its_best_and_no_more(tenant):
    documents = [document(f"seat {'aisle ' * (number % 7)}") for number in range(220)]
    put(*documents)
    asked = plan("aisle", k=10)
    exact = expected_scores(documents, asked)
    hits = scores(search(asked))
    by_words = sorted((key for key in exact if exact[key][0] > 0), key=lambda key: -exact[key][0])
    assert asked.depth == 150
    assert len(hits) <= 2 * asked.depth
    assert exact[by_words[9]][0] == pytest.approx(
        sorted((score[0] for score in hits.values()), reverse=True)[9], abs=1e-3
    )


def test_a_question_without_known_words_still_finds_by_meaning_and_one_without_vector_by_words(tenant):
    near = document("aisle seat")
    put(near)
    assert found(plan("the of and")) == {(near.id, 1)}
    assert found(replace(plan("aisle"), vector=None)) == {(near.id, 1)}
    assert found(replace(plan("piano"), vector=None)) == set()


def test_an_empty_index_finds_nothing(tenant):
    assert found(plan("seat")) == set()


def test_no_permitted_space_means_nothing_is_found(tenant):
    put(document("seat"))
    assert len(found(plan("seat"))) == 1
    assert found(plan("seat", spaces=frozenset())) == set()
    assert found(plan("seat", spaces=frozenset({OTHER_SPACE}))) == set()


@pytest.mark.parametrize("state", ["candidate", "held", "archived", "frozen", "expired", "restricted", "withdrawn"])
def test_what_is_not_active_is_never_found_and_never_counted(tenant, state):
    one = document("seat")
    put(one)
    assert found(plan("seat")) == {(one.id, 1)}
    put(replace(one, state=state, rev=2))
    assert found(plan("seat")) == set()
    assert found(plan("seat", known_at=NOW)) == set()
    with tenant_transaction():
        assert engine().statistics(plan("seat")).documents == 0
        assert sum(engine().statistics(plan("seat")).frequencies.values()) == 0


def test_an_expired_memory_is_never_found(tenant):
    put(document("seat", expires_at=NOW - HOUR))
    alive = document("seat", expires_at=NOW + HOUR)
    put(alive)
    assert found(plan("seat")) == {(alive.id, 1)}


def test_valid_time_bounds_what_is_found(tenant):
    past = document("seat", valid_to=NOW - HOUR)
    future = document("seat", valid_from=NOW + HOUR)
    put(past, future)
    assert found(plan("seat")) == set()
    assert found(plan("seat", as_of=NOW - 2 * HOUR)) == {(past.id, 1)}
    assert found(plan("seat", as_of=NOW + 2 * HOUR)) == {(future.id, 1)}
    assert found(plan("seat", as_of=NOW - HOUR)) == set(), "a range does not hold its end"


def test_record_time_brings_back_what_was_known_then(tenant):
    record = uuid4()
    old = document("aisle seat", id=record, superseded_at=NOW - HOUR, recorded_at=NOW - 3 * HOUR)
    new = document("window seat", id=record, version=2, recorded_at=NOW - HOUR)
    put(old, new)
    assert found(plan("seat")) == {(record, 2)}
    assert found(plan("seat", known_at=NOW - 2 * HOUR)) == {(record, 1)}
    assert found(plan("seat", known_at=NOW - HOUR)) == {(record, 2)}
    assert found(plan("seat", known_at=NOW - 4 * HOUR)) == set()


def test_the_past_is_scored_without_a_glance_at_what_came_later(tenant):
    early = [document(text, recorded_at=NOW - 3 * HOUR) for text in ("aisle seat", "window seat", "dog")]
    put(*early)
    asked = plan("aisle seat", known_at=NOW - 2 * HOUR)
    before = scores(search(asked))
    put(*(document("aisle dog", recorded_at=NOW - HOUR) for _ in range(20)))
    assert scores(search(asked)) == before
    close(before, expected_scores(early, asked))
    assert scores(search(plan("aisle seat"))) != before, "the control: today's scores have changed"


def test_a_superseded_version_leaves_the_statistics(tenant):
    one = document("seat")
    put(one)
    put(replace(one, superseded_at=NOW))
    with tenant_transaction():
        assert engine().statistics(plan("seat")).documents == 0
    assert found(plan("seat")) == set()


def test_restricted_records_are_found_by_their_roles_alone_and_do_not_show_in_others_scores(tenant):
    restricted = document("seat dog", labels=frozenset({"acl:legal", "acl:board"}))
    open_ = document("seat aisle")
    put(restricted, open_)
    agent, board = (plan("seat dog", roles=frozenset({role})) for role in ("agent", "board"))
    assert found(agent) == {(open_.id, 1)}
    assert found(board) == {(open_.id, 1), (restricted.id, 1)}
    close(scores(search(agent)), expected_scores([open_], agent))


def test_what_the_asker_narrows_down_to_is_all_that_comes_back_with_the_same_scores(tenant):
    sought = document("seat", kind="episodic", labels=frozenset({"a", "b"}), subjects=frozenset({b"x" * 16, b"y" * 16}))
    others = [
        document("seat", kind="semantic", labels=frozenset({"a", "b"}), subjects=frozenset({b"x" * 16})),
        document("seat", kind="episodic", labels=frozenset({"a"}), subjects=frozenset({b"x" * 16})),
        document("seat", kind="episodic", labels=frozenset({"a", "b"}), subjects=frozenset({b"z" * 16})),
    ]
    put(sought, *others)
    asked = plan("seat", kinds=frozenset({"episodic"}), labels=frozenset({"a", "b"}), subjects=frozenset({b"x" * 16}))
    assert found(asked) == {(sought.id, 1)}
    everything = scores(search(plan("seat")))
    assert scores(search(asked)) == {(sought.id, 1): everything[sought.id, 1]}


def test_lessons_and_memories_do_not_meet(tenant):
    lesson, memory = document("seat", collection=Collection.LESSON), document("seat aisle")
    put(lesson, memory)
    assert found(plan("seat")) == {(memory.id, 1)}
    assert found(plan("seat", collection=Collection.LESSON)) == {(lesson.id, 1)}
    with tenant_transaction():
        assert engine().statistics(plan("seat")).documents == 1


def test_generations_do_not_meet(tenant):
    old = generation()
    new = generations.begin("other@1", 3)
    here = document("seat")
    small = np.eye(3, dtype=np.float32)[0]
    there = replace(document("seat"), generation=new.number, vector=small)
    put(here, there)
    assert found(plan("seat")) == {(here.id, 1)}
    assert found(
        plan("seat", generation=new.number) and replace(plan("seat"), generation=new.number, vector=small)
    ) == {(there.id, 1)}
    with tenant_transaction():
        assert engine().statistics(plan("seat")) == Statistics(1, dict.fromkeys(plan("seat").terms, 1))
    assert generations.activate(new) == old
    with pytest.raises(StaleGeneration):
        put(document("seat", generation=old.number))
    with pytest.raises(Unavailable):
        found(plan("seat", generation=old.number))


def test_an_older_revision_never_overwrites_a_newer_one(tenant):
    new = document("window seat", rev=5)
    old = replace(document("aisle dog", id=new.id), rev=4)
    assert put(new) == 1
    assert put(old) == 0
    assert put(new) == 0, "the same revision again changes nothing"
    asked = plan("dog window")
    close(scores(search(asked)), expected_scores([new], asked))
    assert put(old, replace(new, rev=6), replace(old, rev=3)) == 1, "in one call too, whatever the order"
    close(scores(search(asked)), expected_scores([new], asked))


def test_a_late_put_does_not_bring_back_what_was_removed(tenant):
    one = document("seat", rev=3)
    put(one)
    remove(Key(Collection.MEMORY, one.id, 1, rev=3))
    assert found(plan("seat")) == set()
    put(one, replace(one, rev=2))
    assert found(plan("seat")) == set()
    put(replace(one, rev=4))
    assert found(plan("seat")) == {(one.id, 1)}, "a later decision may bring it back"


def test_a_removal_that_overtakes_its_put_wins(tenant):
    one = document("seat", rev=1)
    remove(Key(Collection.MEMORY, one.id, 1, rev=2))
    put(one)
    assert found(plan("seat")) == set()
    with tenant_transaction():
        assert engine().statistics(plan("seat")).documents == 0


changes = st.lists(
    st.tuples(
        st.integers(0, 3),  # which record
        st.integers(0, 4),  # its revision
        st.sampled_from(["put", "hold", "supersede", "remove", "move", "restrict"]),
        texts,
    ),
    max_size=25,
)


@property_test
@given(changes, texts)
def test_counters_say_what_counting_would_say_whatever_happened(tenant, happened, question):
    with tenant_transaction():
        engine().purge()
    for record, rev, change, text in happened:
        one = document(text, id=UUID(int=record + 1), rev=rev)
        match change:
            case "remove":
                remove(Key(Collection.MEMORY, one.id, 1, rev=rev))
            case "hold":
                put(replace(one, state="held"))
            case "supersede":
                put(replace(one, superseded_at=NOW))
            case "move":
                put(replace(one, space_id=OTHER_SPACE))
            case "restrict":
                put(replace(one, labels=frozenset({"acl:legal"})))
            case "put":
                put(one)
    for spaces in (None, frozenset({SPACE}), frozenset({OTHER_SPACE})):
        for roles in (frozenset(), frozenset({"legal"})):
            asked = plan(question, spaces=spaces, roles=roles)
            with tenant_transaction():
                counted = engine().statistics(asked)
                exact = engine().statistics(replace(asked, known_at=NOW))
            assert counted.documents == exact.documents
            assert {term: counted.frequencies.get(term, 0) for term in asked.terms} == exact.frequencies


def test_parity_names_what_is_missing_stale_and_orphaned(tenant):
    right, stale, orphan, gone = (document("seat", rev=1) for _ in range(4))
    put(right, stale, orphan, gone)
    remove(Key(Collection.MEMORY, gone.id, 1, rev=1))
    missing = uuid4()
    expected = [
        Expected(right.id, 1, 1, superseded=False),
        Expected(stale.id, 1, 1, superseded=True),
        Expected(missing, 1, 1, superseded=False),
    ]
    with tenant_transaction():
        parity = engine().parity(generation(), Collection.MEMORY, expected)
    assert (parity.missing, parity.stale, parity.orphans) == ({(missing, 1)}, {(stale.id, 1)}, {(orphan.id, 1)})
    assert not parity.holds


def test_what_is_still_held_is_told_by_record(tenant):
    kept, gone, never = document("seat"), document("seat"), uuid4()
    put(kept, gone)
    remove(Key(Collection.MEMORY, gone.id, 1, rev=1))
    with tenant_transaction():
        assert engine().holding([kept.id, gone.id, never]) == {kept.id}


def test_a_purge_leaves_nothing_and_the_index_ready(tenant):
    one = document("seat")
    put(one)
    with tenant_transaction():
        engine().purge()
    with tenant_transaction():
        assert engine().ready(generation())
        assert engine().holding([one.id]) == set()
        assert engine().statistics(plan("seat")).documents == 0
    assert found(plan("seat")) == set()
    put(one)
    assert found(plan("seat")) == {(one.id, 1)}, "tombstones went too"


def test_two_tenants_do_not_meet(tenant, other_tenant):
    ours = document("seat")
    put(ours)
    with tenant_scope(other_tenant):
        theirs = document("seat seat", id=ours.id)
        put(theirs)
        asked = plan("seat")
        close(scores(search(asked)), expected_scores([theirs], asked))
    asked = plan("seat")
    close(scores(search(asked)), expected_scores([ours], asked))


def test_a_vector_of_another_key_finds_nothing_in_particular(tenant):
    """What the rotation is for: the same question under another key has no bearing on these vectors."""
    from foundation.search import blind

    put(document("aisle seat by the window"))
    [(_, ours)] = scores(search(plan("aisle seat by the window"))).values()
    strange = blind.rotate(EMBEDDER.embed(["aisle seat by the window"]), KEY[::-1])[0]
    [(_, theirs)] = scores(search(replace(plan("aisle"), vector=strange))).values()
    assert ours > 0.99
    assert abs(theirs) < 0.4
