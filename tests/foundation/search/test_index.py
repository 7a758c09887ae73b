"""The whole door: from text to results, under the tenant's own keys."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import numpy as np
import pytest

from foundation.kernel.scope import tenant_scope, tenant_transaction
from foundation.keyring import keys
from foundation.search import blind, embedders, generations, index, models, questions
from foundation.search.engine import engine
from foundation.search.index import Entry, searched_text
from foundation.search.port import Collection

SPACE = UUID(int=7)
THEN = datetime(2023, 5, 8, 13, 56, tzinfo=UTC)


class Counting(embedders.HashEmbedder):
    """Counts the texts it is given."""

    def __init__(self):
        self.texts = []

    def embed(self, texts):
        self.texts += texts
        return super().embed(texts)


@pytest.fixture(autouse=True)
def counting(monkeypatch):
    made = Counting()
    monkeypatch.setattr(embedders, "embedder", lambda: made)
    return made


def entry(content, **facts):
    standard = {
        "collection": Collection.MEMORY,
        "space_id": SPACE,
        "id": uuid4(),
        "version": 1,
        "rev": 1,
        "state": "active",
        "kind": "episodic",
        "text": searched_text(content, speaker="Ana", at=THEN),
        "recorded_at": THEN,
    }
    return Entry(**(standard | facts))


def write(*entries):
    documents = index.documents(entries)
    with tenant_transaction():
        engine().put(documents)


def ask(question, **facts):
    plan = index.plan(question, **({"spaces": None, "roles": ["agent"]} | facts))
    with tenant_transaction():
        return index.search(plan)


def test_the_searched_text_carries_day_and_speaker():
    assert searched_text("Hi.", speaker="Ana", at=THEN) == "[8 May 2023] Ana: Hi."
    assert searched_text("Hi.", at=THEN) == "[8 May 2023] Hi."
    assert searched_text("Hi.") == "Hi."


def test_the_generation_that_is_asked_is_the_active_one_and_asking_for_it_makes_none(tenant):
    with tenant_transaction():
        assert index.asked() is None
    write(entry("prefers the aisle seat"))
    with tenant_transaction():
        assert index.asked().number == 1


def test_what_is_written_is_found_best_first(tenant):
    seat, dog = entry("prefers the aisle seat"), entry("walks the dog")
    write(seat, dog)
    results = ask("Which seat does Ana like?")
    assert [one.id for one in results] == [seat.id, dog.id]
    assert results[0].lexical == 1.0
    assert ask("dog")[0].id == dog.id
    assert ask("8 May 2023")[0].lexical == 1.0


def test_a_sealed_embedding_is_used_and_not_made_anew(tenant, counting):
    text = searched_text("prefers the aisle seat")
    embedding = index.unpack(index.pack(index.embed([text])[0]))
    asked = len(counting.texts)
    write(entry("", text=text, embedding=embedding, embedder=counting.name))
    assert len(counting.texts) == asked
    write(entry("", text=text), entry("", text=text, embedding=embedding, embedder="other@1"))
    assert counting.texts[asked:] == [text, text]
    first, second, third = ask("prefers the aisle seat")
    assert first.dense == second.dense == third.dense == 1.0


def test_a_packed_embedding_keeps_its_direction():
    row = embedders.HashEmbedder().embed(["one of several words"])[0]
    packed = index.pack(row)
    assert len(packed) == 2 * len(row)
    assert index.unpack(packed) @ row > 0.99999


def test_a_question_is_embedded_once_and_its_text_is_not_kept(tenant, counting):
    write(entry("x"))
    ask("Which seat?")
    ask("Which seat?")
    assert counting.texts.count("Which seat?") == 1
    assert all(isinstance(name, bytes) and len(name) == 16 for name in questions._recent)


def test_the_same_text_of_two_tenants_shares_neither_terms_nor_vectors_nor_names(tenant, other_tenant):
    facts = {"session": "s-17", "subjects": ["crm:4711"], "id": UUID(int=9)}
    [ours] = index.documents([entry("prefers the aisle seat", **facts)])
    with tenant_scope(other_tenant):
        [theirs] = index.documents([entry("prefers the aisle seat", **facts)])
    assert ours.terms.keys().isdisjoint(theirs.terms)
    assert sorted(ours.terms.values()) == sorted(theirs.terms.values())
    assert abs(float(ours.vector @ theirs.vector)) < 0.3
    assert ours.group != theirs.group
    assert ours.subjects.isdisjoint(theirs.subjects)


def test_sessions_of_one_name_in_two_spaces_are_not_linked(tenant):
    here, there = index.documents([entry("x", session="s"), entry("x", session="s", space_id=UUID(int=8))])
    again = index.documents([entry("y", session="s")])[0]
    assert here.group == again.group != there.group


def test_subjects_are_asked_for_by_name_and_kept_keyed(tenant):
    sought, other = entry("seat", subjects=["crm:4711"]), entry("seat", subjects=["crm:4712"])
    write(sought, other)
    assert [one.id for one in ask("seat", subjects=["crm:4711"])] == [sought.id]


def test_a_lost_index_is_named_and_rebuilt_from_the_records(tenant, superuser, counting):
    kept = entry("prefers the aisle seat", embedder=counting.name, embedding=index.embed(["seat"])[0])
    write(kept)
    assert index.lost() == []
    superuser.execute("TRUNCATE search_beacon, search_entry, search_scope, search_counter")
    [gone] = index.lost()
    embedded = len(counting.texts)
    assert index.rebuild(lambda: [kept], gone) == 1
    assert index.lost() == []
    assert len(counting.texts) == embedded
    assert [one.id for one in ask("seat")] == [kept.id]


def test_a_new_generation_is_filled_while_the_old_one_is_asked_and_has_a_key_of_its_own(tenant, counting):
    before, during = entry("prefers the aisle seat"), entry("prefers the window seat")
    write(before)
    [old] = index.documents([before])
    new = generations.begin(counting.name, counting.dim)
    write(during)
    assert {one.id for one in ask("seat")} == {before.id, during.id}
    assert index.rebuild(lambda: [before, during], new) == 2
    generations.activate(new)
    assert {one.id for one in ask("seat")} == {before.id, during.id}
    [fresh] = index.documents([before])
    assert (fresh.generation, old.generation) == (2, 1)
    assert fresh.terms.keys().isdisjoint(old.terms)
    assert abs(float(fresh.vector @ old.vector)) < 0.3


def test_a_removed_generation_leaves_no_rows(tenant):
    write(entry("seat"))
    new = generations.begin("hash@1", 384)
    generations.activate(new)
    with tenant_transaction():
        engine().purge()
        assert models.Entry.objects.count() == 0


def test_the_rotation_in_use_is_the_one_of_the_index_key(tenant):
    write(entry("x"))
    key = keys.named("index", "1")
    text = searched_text("x", speaker="Ana", at=THEN)
    [document] = index.documents([entry("x")])
    assert np.allclose(document.vector, blind.rotate(index.embed([text]), key)[0], atol=1e-6)


def test_time_travel_and_labels_reach_the_plan(tenant):
    plan = index.plan(
        "x",
        spaces=[SPACE],
        roles=["agent"],
        k=3,
        kinds=["core"],
        labels=["l"],
        as_of=THEN,
        known_at=THEN - timedelta(1),
    )
    assert (plan.spaces, plan.roles, plan.k, plan.kinds) == ({SPACE}, {"agent"}, 3, {"core"})
    assert (plan.labels, plan.as_of, plan.known_at) == ({"l"}, THEN, THEN - timedelta(1))
