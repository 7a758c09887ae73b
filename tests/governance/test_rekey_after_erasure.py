"""After an erasure the index gets a new key in time, and the certificate says so; a kill at any step is resumed."""

import json
from datetime import timedelta

import pytest

from audit.evidence import verify_certificate
from audit.origin import log_verifier
from foundation.kernel import clock
from foundation.kernel.problems import Erased, Unavailable
from foundation.kernel.scope import tenant_transaction
from foundation.keyring import keys
from foundation.search import generations, index
from foundation.search.models import Swap
from governance import certificates, forgetting, indexing
from governance.models import Certificate, ErasureRequest
from governance.services import swap_index
from governance.services.retire import retire
from governance.services.withdraw import withdraw
from tests.governance.builders import admitted, drain
from tests.governance.swapping import finish, numbers, rows
from tests.governance.test_forget import forget
from tests.governance.test_swap_index import found


@pytest.fixture(autouse=True)
def at_once(settings):
    settings.INDEX_DRAIN = timedelta(0)


def again(request):
    with tenant_transaction():
        return ErasureRequest.objects.get(id=request.id)


def certificate(request):
    with tenant_transaction():
        return certificates.file_of(Certificate.objects.get(id=request.certificate_id))


def rekeyed():
    begun = swap_index.keep_key_fresh()
    return finish(begun)


def test_a_re_key_is_due_at_half_the_time_and_serves_all_erasures_until_then(agent, space, officer, settings):
    for name in ("crm:1", "crm:2", "crm:3"):
        admitted(agent, space, f"{name} plays the violin.", subjects=(name,), source=name)
    assert swap_index.keep_key_fresh() is None, "nothing is owed yet"
    first, second = forget(officer, subject="crm:1"), forget(officer, subject="crm:2")
    assert swap_index.keep_key_fresh() is None
    with clock.frozen(clock.now() + settings.INDEX_REKEY_WITHIN / 2):
        done = rekeyed()
        assert (done.state, done.cause) == ("done", "erasure")
    assert [again(one).index_assurance for one in (first, second)] == ["A2", "A2"]
    with clock.frozen(clock.now() + 3 * settings.INDEX_REKEY_WITHIN):
        assert swap_index.keep_key_fresh() is None, "it is owed no longer"
    assert found(agent, "violin") == ["crm:3 plays the violin."]


def test_the_new_certificate_keeps_all_of_the_old_one_and_verifies(agent, space, officer, settings):
    settings.INDEX_REKEY_WITHIN = timedelta(0)
    admitted(agent, space, "Ana plays the violin.", subjects=("crm:1",))
    request = forget(officer, subject="crm:1")
    before = certificate(request)
    rekeyed()
    drain()
    after = certificate(again(request))
    old, new = before["certificate"], after["certificate"]
    assert (old["index_assurance"], new["index_assurance"]) == ("A0", "A2")
    assert new["supersedes"] == old["id"]
    assert new["index_generation"] == {"destroyed": 1, "present": 2}
    assert certificates.INDEX_KEY in old["not_covered"]
    assert certificates.INDEX_KEY not in new["not_covered"]
    renewed = {"id", "issued_at", "index_assurance", "not_covered", "events", "supersedes"}
    renewed |= {"index_key_destruction", "index_generation"}
    assert {name: value for name, value in old.items() if name not in renewed} == {
        name: value for name, value in new.items() if name not in renewed
    }
    for file in (before, after):
        assert verify_certificate(json.loads(json.dumps(file)), [log_verifier()])["assurance"] == "A2"


def test_an_erasure_in_the_middle_reaches_both_generations_and_waits_for_the_next_key(agent, space, officer, settings):
    settings.INDEX_REKEY_WITHIN = timedelta(0)
    admitted(agent, space, "Ana plays the violin.", subjects=("crm:1",), source="a")
    gone = admitted(agent, space, "Bob plays the violin.", subjects=("crm:2",), source="b")
    early = forget(officer, subject="crm:1")
    begun = swap_index.keep_key_fresh()
    assert indexing.fill(generations.numbered(begun.new), None).records == 1
    late = forget(officer, subject="crm:2")
    with tenant_transaction():
        assert not indexing.indexed([gone.memory.cube.id])
    assert finish(begun).state == "done"
    assert (again(early).index_assurance, again(late).index_assurance) == ("A2", "A0")
    assert rekeyed().new == 3
    assert again(late).index_assurance == "A2"


def test_a_record_whose_time_is_over_owes_a_new_key_too(agent, space, settings):
    settings.INDEX_REKEY_WITHIN = timedelta(0)
    over = admitted(agent, space, "Ana plays the violin.")
    withdraw(agent, memory_id=over.memory.cube.id, if_match="*")
    drain()
    with clock.frozen(clock.now() + timedelta(days=400)):
        assert swap_index.keep_key_fresh() is None
        retire([over.memory.cube.id])
        assert rekeyed().state == "done"


STEPS = (
    ("governance.indexing.fill", 0),
    ("governance.indexing.fill", 1),
    ("governance.indexing.fill_lessons", 0),
    ("governance.index_guard.difference", 0),
    ("governance.index_guard.compare", 0),
    ("foundation.search.generations.activate", 0),
    ("foundation.search.generations.retire", 0),
    ("foundation.search.postgres_engine.PostgresEngine.scrub", 0),
    ("governance.forgetting.destroy_keys", 0),
    ("governance.embeddings.drop_all_but", 0),
    ("governance.certificates.rekeyed", 0),
    ("governance.certificates._renew", 0),
)


class Killed(BaseException):
    """Nothing between the step and the top may catch it, as nothing catches a SIGKILL."""


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("step", "calls"), STEPS, ids=[f"{step.split('.', 1)[1]}-{calls}" for step, calls in STEPS])
def test_a_kill_before_or_after_any_step_is_resumed(step, calls, done, agent, space, officer, settings, monkeypatch):
    settings.INDEX_REKEY_WITHIN = timedelta(0)
    monkeypatch.setattr(indexing, "CHUNK", 1)
    for name in ("crm:1", "crm:2", "crm:3"):
        admitted(agent, space, f"{name} plays the violin.", subjects=(name,), source=name)
    request = forget(officer, subject="crm:1")
    begun = swap_index.keep_key_fresh()
    killed = _kill_at(monkeypatch, step, calls, done=done)
    with pytest.raises(Killed):
        for _ in range(20):
            swap_index.work_on(begun.id)
    assert killed
    assert found(agent, "violin"), "searches go on whatever is unfinished"
    assert finish(begun).state == "done"
    assert again(request).index_assurance == "A2"
    assert numbers() == [2]
    assert rows(1) == 0
    assert sorted(found(agent, "violin")) == ["crm:2 plays the violin.", "crm:3 plays the violin."]
    with pytest.raises(Erased):
        keys.named("index", "1")


def _kill_at(monkeypatch, step, calls, *, done):
    """Kill at the call after `calls` others, before or after it did its work; only once."""
    from importlib import import_module

    where, name = step.rsplit(".", 1)
    if where.rsplit(".", 1)[1][0].isupper():
        holder = getattr(import_module(where.rsplit(".", 1)[0]), where.rsplit(".", 1)[1])
    else:
        holder = import_module(where)
    acts, seen, killed = getattr(holder, name), [], []

    def act(*given, **named):
        seen.append(step)
        if killed or len(seen) <= calls:
            return acts(*given, **named)
        killed.append(step)
        if done:
            acts(*given, **named)
        raise Killed

    monkeypatch.setattr(holder, name, act)
    return killed


def test_a_swap_that_nobody_works_on_is_taken_up(agent, space, settings):
    from foundation.kernel.models import WorkItem

    admitted(agent, space)
    begun = swap_index.begin(Swap.Cause.OPERATOR)
    with tenant_transaction():
        WorkItem.objects.all().delete()
    assert swap_index.keep_key_fresh().id == begun.id
    drain()
    assert swap_index.latest().state == "filling", "it may be at work elsewhere"
    with clock.frozen(clock.now() + swap_index.FORSAKEN):
        swap_index.keep_key_fresh()
    assert finish(begun).state == "done"


def test_an_index_whose_key_is_gone_is_replaced(agent, space):
    admitted(agent, space, "Ana plays the violin.")
    forgetting.destroy_keys([index.key_id(1)])
    with pytest.raises(Unavailable):
        found(agent, "violin")
    assert finish(swap_index.keep_key_fresh()).state == "done"
    assert found(agent, "violin") == ["Ana plays the violin."]


def test_a_number_whose_key_was_destroyed_is_not_taken_again(agent, space):
    admitted(agent, space)
    keys.named("index", "2")
    forgetting.destroy_keys([index.key_id(2)])
    assert swap_index.begin(Swap.Cause.OPERATOR).new == 3
