"""A new index generation while the old one is in use: re-key and embedder swap, one mechanism, in resumable steps."""

import pytest

from foundation.kernel.problems import Erased
from foundation.kernel.scope import tenant_transaction
from foundation.keyring import keys
from foundation.search import embedders, generations
from governance.models import Embedding, Operation
from governance.services.search import Question, search
from tests.governance.builders import admitted
from tests.governance.swapping import CONSTANT, OTHER, Pairs, numbers, rows, swap

TEXTS = (
    "The red kettle stands on the stove in the small kitchen.",
    "Bob plays the violin every second Thursday evening.",
    "The invoice of March was paid late by the garden centre.",
    "The night train to Vienna leaves from platform nine.",
)


@pytest.fixture(autouse=True)
def at_once(settings):
    from datetime import timedelta

    settings.INDEX_DRAIN = timedelta(0)
    settings.EMBEDDERS = [OTHER, CONSTANT]


@pytest.fixture
def memories(agent, space):
    return [admitted(agent, space, text, source=f"chat:{at}") for at, text in enumerate(TEXTS)]


def found(agent, query):
    return [each.memory.payload.content for each in search(agent, question=Question(query, k=3)).found]


def test_a_re_key_changes_the_key_and_nothing_that_is_found(agent, memories, monkeypatch):
    before = [found(agent, text)[0] for text in TEXTS]
    monkeypatch.setattr(embedders.HashEmbedder, "embed", lambda *_: pytest.fail("a re-key needs no model"))
    done = swap()
    monkeypatch.undo()
    assert (done.state, done.done, done.total, done.embedded) == ("done", 4, 4, 0)
    assert (done.questions, done.alike) == (4, 4)
    assert numbers() == [2]
    assert [found(agent, text)[0] for text in TEXTS] == before == list(TEXTS)
    with pytest.raises(Erased):
        keys.named("index", "1")
    assert rows(1) == 0
    assert rows(2) == 4


def test_an_embedder_swap_seals_new_embeddings_with_the_versions(agent, memories, monkeypatch):
    done = swap(embedder=OTHER)
    assert (done.state, done.embedded, done.questions) == ("done", 4, 4)
    [active] = generations.live()
    assert (active.embedder, active.dim) == ("pairs@1", 96)
    assert found(agent, "violin on Thursday")[0] == TEXTS[1]
    with tenant_transaction():
        assert Embedding.objects.filter(embedder="pairs@1").count() == 4
    embedded = []
    monkeypatch.setattr(Pairs, "embed", lambda self, texts: embedded.extend(texts))
    again = swap()
    assert (again.state, again.embedded, embedded) == ("done", 0, []), "a later re-key needs no model either"


def test_an_embedder_that_finds_less_is_refused_and_the_old_one_stays(agent, memories, space):
    for at in range(30):
        admitted(agent, space, f"Note {at}: the {at * 7919 % 1009} went to box {at * 104729 % 997}.", source=f"n:{at}")
    done = swap(embedder=CONSTANT)
    assert (done.state, done.failure) == ("stopped", "recall")
    assert done.found_after < done.found_before
    assert numbers() == [1]
    assert rows(2) == 0
    assert found(agent, "violin on Thursday")[0] == TEXTS[1]
    with pytest.raises(Erased):
        keys.named("index", "2")
    with tenant_transaction():
        operation = Operation.objects.get(id=done.id)
        assert not Embedding.objects.filter(embedder="constant@1").exists()
    assert (operation.state, operation.problem) == ("failed", "index-recall")


def test_what_was_embedded_later_dies_with_its_version(agent, space, officer, memories):
    from tests.governance.test_forget import forget

    gone = admitted(agent, space, "Ana keeps bees behind the house.", subjects=("crm:1",), source="bees")
    swap(embedder=OTHER)
    with tenant_transaction():
        assert Embedding.objects.filter(version_id=gone.memory.version.id).exists()
    forget(officer, subject="crm:1")
    with tenant_transaction():
        assert not Embedding.objects.filter(version_id=gone.memory.version.id).exists()
        assert Embedding.objects.count() == 4


def test_an_embedding_beside_another_version_does_not_open(agent, memories):
    from foundation.kernel.problems import Integrity
    from governance import embeddings, opening

    swap(embedder=OTHER)
    ids = [one.memory.cube.id for one in memories[:2]]
    with tenant_transaction(snapshot=True):
        rows = opening.rows([(each, None) for each in ids])
        sealed = embeddings.sealed_of(rows)
    first, second = rows
    secret = keys.open_one(first.version.id)
    assert embeddings.opened(first, secret, sealed)["pairs@1"].shape == (96,)
    with pytest.raises(Integrity):
        embeddings.opened(first, secret, {first.version.id: sealed[second.version.id]})


def test_text_is_embedded_as_it_is_indexed_with_tokens_for_people(agent, space, monkeypatch):
    embedded = []
    made = Pairs.embed
    monkeypatch.setattr(Pairs, "embed", lambda self, texts: embedded.extend(texts) or made(self, texts))
    admitted(agent, space, "{{Ana}} keeps bees behind the house.")
    swap(embedder=OTHER)
    assert any("keeps bees" in text for text in embedded), "positive control"
    assert not any("Ana" in text for text in embedded)


def test_a_removal_that_waits_for_a_new_generation_reaches_it(tenant, agent, memories):
    """Who waits for a lock sees the rows of before: a generation begun meanwhile would keep what is removed."""
    import threading

    from django.db import connections

    from foundation.kernel.scope import tenant_scope
    from governance.indexing import unindex

    begun, removed = threading.Event(), threading.Event()

    def remove():
        with tenant_scope(tenant), tenant_transaction():
            begun.set()
            unindex([memories[0].memory.cube.id])
        removed.set()
        connections.close_all()

    thread = threading.Thread(target=remove)
    with tenant_transaction():
        new = generations.begin("hash@1", 384)
        thread.start()
        begun.wait(60)
        assert not removed.wait(0.5), "positive control: it waits"
    thread.join(60)
    assert rows(new.number) == 1, "its tombstone"
    generations.retire(new.number)
