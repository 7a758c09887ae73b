"""What was held only because a part was away is judged again when it is back, and by nobody's leave but the guard's."""

from contextlib import contextmanager
from dataclasses import replace

import pytest

from audit.models import Entry
from foundation.kernel.clock import now
from foundation.kernel.models import WorkItem
from foundation.kernel.principal import Role
from foundation.kernel.problems import Conflict, RateLimited
from foundation.kernel.scope import tenant_transaction
from foundation.keyring import keys
from foundation.rest.etags import etag
from foundation.search.embedders import embedder
from governance import evidence, judging, revealing, selectors
from governance.models import Admission, MemCube, Version
from governance.opening import decision_of
from governance.services import judge_again, review
from governance.services.admit import admit
from governance.services.place_hold import place_hold
from governance.services.review import approve, reject
from governance.services.revise import Revision, revise
from governance.services.search import Question, search
from governance.services.spaces import update_space
from governance.waiting import JUDGE_AGAIN
from guard.pii.policy import Action, Mode
from guard.pii.port import PiiUnavailable, Reason
from guard.services.pii_policies import Terms, create_pii_policy
from guard.types import Decision
from tenants.policy import Resource
from tenants.services.create_key import create_key
from tenants.services.revoke_key import revoke_key
from tenants.writers import writer
from tests.governance import plain
from tests.governance.builders import admitted, drain, submission

TEXT = "The red kettle stands on the stove."


@pytest.fixture
def key(tenant, admin, space):
    return create_key(admin, role=Role.AGENT, name="bot", spaces=[space.id]).key


@pytest.fixture
def agent(key, space):
    with tenant_transaction():
        return writer(key.principal_id, "memory.admit", Resource(space_id=space.id))


def broken(*_args, **_kwargs):
    raise MemoryError


def away(plans, _meanwhile):
    return [[] for _ in plans], False


def late(self, documents, *_args, **_kwargs):
    return [PiiUnavailable(Reason.TIMEOUT) for _ in documents]


PARTS = {
    "encoder": (lambda: type(embedder()), "embed", broken, "embedder-unavailable"),
    "engine": (lambda: evidence, "_all_nearest", away, "evidence-unavailable"),
    "guard": (lambda: judging, "judge_case", broken, "guard-unavailable"),
    "recognisers": (lambda: plain.MarkedRedactor, "redact_many", late, "pii-timeout"),
}


@pytest.fixture(params=list(PARTS))
def part(request):
    return request.param


@pytest.fixture
def without():
    """A context in which one part is away."""

    @contextmanager
    def context(name):
        place, what, instead, _ = PARTS[name]
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(place(), what, instead)
            yield

    return context


def time_passes():
    """Everything that is due later is done now."""
    with tenant_transaction():
        WorkItem.objects.filter(kind=JUDGE_AGAIN).update(due=now())
    drain()


def owed():
    with tenant_transaction():
        return WorkItem.objects.filter(kind=JUDGE_AGAIN).count()


def admission():
    with tenant_transaction():
        return Admission.objects.order_by("-id")[0]


def reasons():
    found = admission()
    return decision_of(found, keys.open_one(found.version_id))["reasons"]


def found(agent, text="Where is the kettle?"):
    return [each.memory.payload.content for each in search(agent, question=Question(text)).found]


def test_it_is_served_when_the_part_is_back(agent, space, part, without):
    with without(part):
        shown = admit(agent, submission=submission(space, TEXT))
        assert PARTS[part][3] in shown.decision["reasons"]
        drain()
    assert found(agent) == []
    time_passes()
    assert found(agent) == [TEXT]
    assert (admission().id, admission().state, admission().waits) == (shown.admission.id, "admitted", False)
    assert not {PARTS[part][3]} & set(reasons())
    assert owed() == 0


def test_while_the_part_is_away_it_stays_held_and_is_owed_on(agent, space, part, without):
    with without(part):
        admit(agent, submission=submission(space, TEXT))
        time_passes()
        time_passes()
        assert (admission().state, owed()) == ("held", 1)
    time_passes()
    assert found(agent) == [TEXT]


def test_nobody_waits_for_a_part_for_ever(agent, space, part, without, monkeypatch):
    monkeypatch.setattr(judge_again, "PATIENCE", -judge_again.FIRST)
    with without(part):
        admit(agent, submission=submission(space, TEXT))
        time_passes()
    time_passes()
    assert (admission().state, admission().waits, owed()) == ("held", False, 0)


def test_a_text_that_may_itself_be_the_cause_is_tried_a_few_times(agent, space, monkeypatch):
    monkeypatch.setattr(judge_again, "TRIES", 2)
    admit(agent, submission=submission(space, "{{late}} kettle"))
    for _ in range(3):
        time_passes()
    assert (admission().state, owed()) == ("held", 0)


def test_its_text_is_cleared_before_it_is_served_and_what_was_sent_is_destroyed(agent, space, without):
    with without("recognisers"):
        shown = admit(agent, submission=submission(space, "{{Ana}} has the red kettle."))
    before = shown.admission.version_id
    time_passes()
    (content,) = found(agent)
    assert content.startswith("<PERSON_")
    assert "Ana" not in content
    with tenant_transaction():
        assert not Version.objects.filter(id=before).exists()
    assert keys.open_many([before]) == {}


def test_what_was_cleared_keeps_its_values(agent, space, officer, without):
    with without("engine"):
        admit(agent, submission=submission(space, "{{Ana}} has the red kettle."))
    time_passes()
    with tenant_transaction():
        cube = MemCube.objects.get()
        version = Version.objects.get()
    assert found(agent)[0].startswith("<PERSON_")
    with tenant_transaction():
        whole = revealing.whole([version])
    assert list(whole.values(version.id, keys.open_many(whole.key_ids)).values()) == ["{{Ana}}"]
    assert cube.version == version.number == 2


def suspect(monkeypatch, decision, *why):
    """The guard finds something wrong with whatever it is asked."""
    judge = judging.judge_case
    monkeypatch.setattr(judging, "judge_case", lambda *args: replace(judge(*args), decision=decision, reasons=why))


def test_what_the_guard_would_hold_stays_held_for_its_own_reasons(agent, space, part, without, monkeypatch):
    with without(part):
        admit(agent, submission=submission(space, "{{Ana}} has the red kettle."))
    suspect(monkeypatch, Decision.HOLD, "claim-conflict")
    time_passes()
    assert (admission().state, admission().waits, reasons()) == ("held", False, ["claim-conflict"])
    assert (found(agent), owed()) == ([], 0)
    shown = selectors.memory(agent, memory_id=admission().memcube_id).memory
    assert shown.payload.content.startswith("<PERSON_")


def test_what_a_hard_rule_refuses_by_now_is_not_served(agent, space, part, without, monkeypatch):
    with without(part):
        admit(agent, submission=submission(space, TEXT))
    suspect(monkeypatch, Decision.REJECT, "exfiltration")
    time_passes()
    assert (admission().state, admission().waits, owed()) == ("held", False, 0)
    assert found(agent) == []
    with tenant_transaction():
        assert Entry.objects.filter(act="memory.reject", outcome="rejected").exists()


def test_what_is_wrong_by_itself_is_not_owed_a_second_judgement(agent, space, without, monkeypatch):
    suspect(monkeypatch, Decision.HOLD, "claim-conflict")
    with without("engine"):
        shown = admit(agent, submission=submission(space, TEXT))
    assert shown.decision["reasons"] == ["claim-conflict", "evidence-unavailable"]
    assert (admission().waits, owed()) == (False, 0)


def test_a_writer_whose_key_was_revoked_gets_nothing_admitted(agent, admin, key, space, part, without):
    with without(part):
        admit(agent, submission=submission(space, TEXT))
    revoke_key(admin, key_id=key.id, if_match=etag(1, key.rev))
    time_passes()
    assert (admission().state, admission().waits, owed()) == ("held", False, 0)


def test_the_policy_of_now_decides_what_is_personal(agent, admin, space, part, without):
    with without(part):
        admit(agent, submission=submission(space, "{{Ana}} has the red kettle."))
    policy = create_pii_policy(admin, name="none", terms=Terms(Mode.STRICT, Action.REJECT, ()))[0]
    update_space(admin, space_id=space.id, if_match=etag(space.version), changes={"pii_policy_id": policy.id})
    time_passes()
    assert (admission().state, admission().waits, owed()) == ("held", False, 0)
    assert found(agent) == []


def test_a_policy_that_changes_while_it_is_judged_is_obeyed(agent, admin, space, without, monkeypatch):
    with without("engine"):
        admit(agent, submission=submission(space, "{{Ana}} has the red kettle."))
    real = judge_again.judge_many

    def and_meanwhile(*args, **rest):
        monkeypatch.setattr(judge_again, "judge_many", real)
        policy = create_pii_policy(admin, name="gone", terms=Terms(Mode.STRICT, Action.REDACT, ()))[0]
        update_space(admin, space_id=space.id, if_match=etag(space.version), changes={"pii_policy_id": policy.id})
        return real(*args, **rest)

    monkeypatch.setattr(judge_again, "judge_many", and_meanwhile)
    time_passes()
    assert admission().state == "held"
    time_passes()
    assert found(agent) == ["<PERSON> has the red kettle."]


def test_a_change_while_it_is_judged_stops_it(agent, space, officer, without, monkeypatch):
    with without("engine"):
        shown = admit(agent, submission=submission(space, TEXT))
    real = judge_again.judge_many

    def and_meanwhile(*args, **rest):
        approve(officer, admission_id=shown.admission.id, reason="Looks fine.")
        return real(*args, **rest)

    monkeypatch.setattr(judge_again, "judge_many", and_meanwhile)
    time_passes()
    monkeypatch.setattr(judge_again, "judge_many", real)
    time_passes()
    assert (admission().state, admission().version_id) == ("approved", shown.admission.version_id)
    assert found(agent) == [TEXT]


def test_what_a_person_decided_is_left_alone(agent, space, officer, without):
    with without("engine"):
        shown = admit(agent, submission=submission(space, TEXT))
    approve(officer, admission_id=shown.admission.id, reason="Looks fine.")
    time_passes()
    assert (admission().state, admission().version_id, owed()) == ("approved", shown.admission.version_id, 0)


def test_a_revision_that_waited_is_served_in_the_place_of_the_old_version(agent, space, part, without):
    first = admitted(agent, space, TEXT).memory.cube
    change = Revision(etag(first.version, first.rev), {"content": "The red kettle stands on the table."})
    with without(part):
        revise(agent, memory_id=first.id, revision=change)
    drain()
    assert found(agent) == [TEXT]
    time_passes()
    assert found(agent) == ["The red kettle stands on the table."]


def test_a_revision_that_was_overtaken_is_a_persons(agent, space, without):
    first = admitted(agent, space, TEXT).memory.cube
    change = Revision(etag(first.version, first.rev), {"content": "The red kettle stands on the table."})
    with without("engine"):
        revise(agent, memory_id=first.id, revision=change)
    held = admission().id
    revise(agent, memory_id=first.id, revision=replace(change, changes={"content": "The red kettle is in the cellar."}))
    time_passes()
    with tenant_transaction():
        assert Admission.objects.get(id=held).state == "held"
    assert found(agent) == ["The red kettle is in the cellar."]


def test_what_waits_for_a_part_does_not_fill_its_writers_holds(agent, space, without, settings):
    settings.GUARD_HOLDS_PER_WRITER = settings.GUARD_HOLDS_PER_SOURCE = 2
    with without("engine"):
        for n in range(5):
            assert admit(agent, submission=submission(space, f"Kettle {n} is red.")).held


def test_what_the_text_may_have_caused_does(agent, space, settings):
    settings.GUARD_HOLDS_PER_WRITER = settings.GUARD_HOLDS_PER_SOURCE = 2
    for n in range(2):
        admit(agent, submission=submission(space, f"{{{{late}}}} kettle {n}"))
    with pytest.raises(RateLimited):
        admit(agent, submission=submission(space, "{{late}} kettle"))


def test_the_log_says_who_admitted_it_and_that_it_was_not_the_first_time(agent, space, without):
    with without("engine"):
        shown = admit(agent, submission=submission(space, TEXT))
    time_passes()
    with tenant_transaction():
        told = list(
            Entry.objects.filter(target_id=shown.memory.cube.id).order_by("index").values_list("act", flat=True)
        )
    assert told[:2] == ["memory.hold", "memory.admit"]
    assert selectors.memory(agent, memory_id=shown.memory.cube.id).memory.version.number == 2


def test_what_a_legal_hold_covers_is_a_persons(agent, officer, space, without):
    with without("engine"):
        shown = admit(agent, submission=submission(space, TEXT))
    place_hold(officer, name="suit", basis="litigation", space_id=space.id)
    time_passes()
    assert (admission().state, admission().version_id) == ("held", shown.admission.version_id)


@pytest.mark.parametrize("decide", [approve, reject])
def test_what_was_judged_again_while_it_was_reviewed_is_not_what_the_reviewer_saw(
    agent, officer, space, without, monkeypatch, decide
):
    with without("encoder"):
        shown = admit(agent, submission=submission(space, TEXT))
    suspect(monkeypatch, Decision.HOLD, "claim-conflict")
    seen, asked = admission(), review._asked

    def asked_before(*args):
        found = asked(*args)
        judge_again.judge_again([{"admission": str(seen.id), "version": str(seen.version_id)}])
        return found

    monkeypatch.setattr(review, "_asked", asked_before)
    with pytest.raises(Conflict):
        decide(officer, admission_id=shown.admission.id, reason="Seen.")
    assert (admission().state, admission().version) == (Admission.State.HELD, seen.version + 1)
    monkeypatch.setattr(review, "_asked", asked)
    assert decide(officer, admission_id=shown.admission.id, reason="Seen.").admission.version == seen.version + 1
