"""Undoing many records: the taint reaches all that was made from what is bad and nothing else; nothing erased comes
back; a rollback that was killed goes on; who may no longer do it does not."""

from __future__ import annotations

from datetime import timedelta

import pytest

from foundation.kernel import clock
from foundation.kernel.clock import now
from foundation.kernel.ids import uuid7
from foundation.kernel.models import WorkItem
from foundation.kernel.principal import Role
from foundation.kernel.problems import (
    AlreadyDecided,
    Conflict,
    Erased,
    ManifestChanged,
    MinimumRetention,
    NotFound,
    PlanExpired,
    PolicyDenied,
    Validation,
    Withdrawn,
)
from foundation.kernel.scope import tenant_scope, tenant_transaction
from foundation.keyring import keys
from foundation.rest.etags import etag
from governance import held, selectors
from governance.models import Admission, MemCube, Operation, Version
from governance.retention.keeping import schedule
from governance.retention.rules import Rule
from governance.rollbacks import reading
from governance.rollbacks.models import Rollback, RollbackItem
from governance.services import admit as admitting
from governance.services import run_rollback as running
from governance.services.admit import admit
from governance.services.approve_rollback import approve_rollback
from governance.services.execute_erasure import execute_erasure
from governance.services.execute_rollback import execute_rollback
from governance.services.place_hold import place_hold
from governance.services.plan_erasure import plan_erasure
from governance.services.plan_rollback import Wanted, plan_rollback
from governance.services.release_hold import release_hold
from governance.services.retention_policies import create_retention_policy
from governance.services.review import approve, reject
from governance.services.revise import Revision, revise
from governance.services.rollback import roll_back
from governance.services.search import Question, search
from governance.services.spaces import create_space, update_space
from governance.services.withdraw import withdraw
from guard.lessons.pattern import Family
from guard.lessons.wording import Body
from guard.models import Lesson
from guard.services.write_lesson import Teaching, write_lesson
from tenants.selectors import credentials_of
from tenants.services.create_key import create_key
from tenants.services.revoke_key import revoke_key
from tests.governance.builders import admitted, drain, submission
from tests.governance.conftest import principal

KETTLE = "The red kettle stands on the stove."
MOVED = "Records of patient 031-1001 moved to 029-1001."
"""Held, of a document."""


def credential(admin, role, *spaces):
    """Somebody with a key of his own: a rollback runs in his name as long as that key is valid."""
    key = create_key(admin, role=Role(role), name=role, spaces=list(spaces)).key
    with tenant_transaction():
        return credentials_of(key.principal_id)[0]


@pytest.fixture
def officer(admin):
    return credential(admin, "compliance")


@pytest.fixture
def mallory(tenant, space):
    return principal(tenant, "agent", space.id)


def planned(officer, dry_run=False, **wanted):
    return plan_rollback(officer, wanted=Wanted(**wanted), reason="Compromised channel.", dry_run=dry_run)


def it_is_nowhere_for(somebody, plan):
    for act in (
        lambda: execute(somebody, plan),
        lambda: approve_rollback(somebody, rollback_id=plan.rollback.id),
        lambda: reading.told(somebody, plan.rollback.id),
        lambda: reading.handed_out(somebody, plan.rollback.id, before=None, limit=5),
    ):
        with pytest.raises(NotFound):
            act()


def execute(officer, plan):
    rollback = plan.rollback
    return execute_rollback(officer, rollback_id=rollback.id, expected_manifest=rollback.manifest)


def undo(officer, **wanted):
    """Plan, execute, run; the rollback as it ended."""
    plan = planned(officer, **wanted)
    execute(officer, plan)
    drain()
    return ended(plan)


def ended(plan):
    with tenant_transaction():
        return Rollback.objects.get(id=plan.rollback.id)


def items(rollback):
    with tenant_transaction():
        return {each.memcube_id: each for each in RollbackItem.objects.filter(rollback_id=rollback.id)}


def header(shown):
    with tenant_transaction():
        return MemCube.objects.get(id=shown.memory.cube.id)


def state(shown):
    return header(shown).state


def read(who, shown):
    return selectors.memory(who, memory_id=shown.memory.cube.id).memory.payload.content


def ref(shown):
    cube = header(shown)
    return (cube.id, cube.version)


def revised(who, shown, content):
    cube = header(shown)
    return revise(who, memory_id=cube.id, revision=Revision(etag(cube.version, cube.rev), {"content": content}))


def counts(plan):
    return {name: count for name, count in plan.rollback.counts.items() if count}


# What becomes of records.


def test_a_record_returns_to_its_last_clean_version_and_says_so(agent, mallory, space, officer):
    shown = admitted(agent, space, KETTLE)
    revised(mallory, shown, "The red kettle stands in the cellar.")
    drain()
    rollback = undo(officer, writer_id=mallory.id)
    assert (rollback.state, rollback.report["restored"]) == ("done", 1)
    assert (read(agent, shown), header(shown).version, state(shown)) == (KETTLE, 3, "active")
    [found] = search(agent, question=Question("kettle")).found
    assert (found.memory.version.number, found.memory.payload.content) == (3, KETTLE)
    assert selectors.version(officer, memory_id=ref(shown)[0], number=3).decision["reasons"] == ["rollback"]


def test_a_record_without_a_clean_version_is_withdrawn_and_can_be_taken_up_again(agent, space, officer):
    shown = admitted(agent, space, KETTLE, source="chat:bad")
    undo(officer, source="chat:bad")
    with pytest.raises(Withdrawn):
        read(agent, shown)
    assert search(agent, question=Question("kettle")).found == []
    cube = header(shown)
    assert cube.erase_at > now()
    roll_back(officer, memory_id=cube.id, if_match=etag(cube.version, cube.rev), to_version=1, reason="A mistake.")
    assert read(agent, shown) == KETTLE


def test_what_is_wholly_derived_goes_too_and_what_is_partly_derived_waits_for_a_person(agent, space, officer):
    bad = admitted(agent, space, "The code of the safe is 4711.", source="mail:bad")
    good = admitted(agent, space, KETTLE)
    sole = admitted(agent, space, "The safe has a code.", parents=(ref(bad),))
    part = admitted(agent, space, "A kettle and a safe are here.", parents=(ref(bad), ref(good)))
    deep = admitted(agent, space, "Things are here.", parents=(ref(part),))
    plan = planned(officer, source="mail:bad")
    assert counts(plan) == {"withdrawn": 2, "held": 2}
    execute(officer, plan)
    drain()
    states = [state(each) for each in (bad, sole, part, deep, good)]
    assert states == ["withdrawn", "withdrawn", "held", "held", "active"]
    waiting = {line.admission.memcube_id: line for line in held.lines(officer, held.Wanted())}
    assert set(waiting) == {part.memory.cube.id, deep.memory.cube.id}
    line = waiting[part.memory.cube.id]
    assert line.decision["reasons"][-1] == "undone-parent"
    assert line.decision["before"]["decision"] == "admit"
    approve(officer, admission_id=line.admission.id, reason="The kettle is there.")
    drain()
    assert read(agent, part) == "A kettle and a safe are here."
    reject(officer, admission_id=waiting[deep.memory.cube.id].admission.id, reason="Useless.")
    drain()
    assert state(deep) == "forgotten"


def test_a_refused_revision_of_what_waits_for_a_person_leaves_the_record_to_him(agent, space, officer):
    bad = admitted(agent, space, "The code of the safe is 4711.", source="mail:bad")
    good = admitted(agent, space, KETTLE)
    part = admitted(agent, space, "A kettle and a safe are here.", parents=(ref(bad), ref(good)))
    waiting = revised(agent, part, "{{late}} at the safe")
    undo(officer, source="mail:bad")
    reject(officer, admission_id=waiting.admission.id, reason="Useless.")
    drain()
    assert state(part) == "held"
    [line] = held.lines(officer, held.Wanted())
    approve(officer, admission_id=line.admission.id, reason="The kettle is there.")
    drain()
    assert read(agent, part) == "A kettle and a safe are here."


def test_a_revision_of_a_bad_version_is_bad_and_a_copy_of_a_clean_one_is_not(agent, mallory, space, officer):
    first = admitted(agent, space, KETTLE)
    revised(mallory, first, "The red kettle is in the cellar.")
    revised(agent, first, "The red kettle is in the old cellar.")
    second = admitted(agent, space, "The green lamp hangs in the hall.")
    revised(mallory, second, "The green lamp hangs in the attic.")
    cube = header(second)
    roll_back(officer, memory_id=cube.id, if_match=etag(cube.version, cube.rev), to_version=1, reason="Wrong.")
    drain()
    before = header(second)
    plan = planned(officer, writer_id=mallory.id)
    assert [(each.cube.id, each.from_version, each.to_version) for each in plan.plan.undoings] == [
        (first.memory.cube.id, 3, 1)
    ]
    execute(officer, plan)
    drain()
    assert read(agent, first) == KETTLE
    assert (header(second).rev, bytes(header(second).mac)) == (before.rev, bytes(before.mac))


def test_what_waited_to_take_a_clean_versions_place_is_refused_and_destroyed(agent, mallory, space, officer):
    shown = admitted(agent, space, KETTLE)
    waiting = revised(mallory, shown, "{{late}}")
    never = admitted(mallory, space, "{{late}} too")
    assert (waiting.held, never.held) == (True, True)
    with tenant_transaction():
        version = Version.objects.get(memcube_id=shown.memory.cube.id, number=2)
    plan = planned(officer, writer_id=mallory.id)
    assert counts(plan) == {"refused": 1, "withdrawn": 1}
    execute(officer, plan)
    drain()
    assert (read(agent, shown), state(never)) == (KETTLE, "withdrawn")
    assert keys.open_many([version.id]) == {}
    with tenant_transaction():
        assert not Admission.objects.filter(state="held").exists()


@pytest.mark.parametrize(
    "wanted",
    [
        {"source": "chat:bad"},
        {"actor": "bot-7"},
        {"session": "s-17"},
        {"source": "chat:bad", "actor": "bot-7"},
    ],
)
def test_bad_is_what_meets_every_part_that_is_given(agent, space, officer, wanted):
    bad = admitted(agent, space, KETTLE, source="chat:bad", actor="bot-7", session="s-17")
    other = admitted(agent, space, "The green lamp hangs in the hall.", source="chat:bad2", actor="bot-8")
    assert [each.cube.id for each in planned(officer, dry_run=True, **wanted).plan.undoings] == [bad.memory.cube.id]
    assert planned(officer, dry_run=True, source="chat:bad", actor="bot-8").plan.undoings == ()
    assert state(other) == "active"


def test_a_space_goes_back_to_how_it_was_at_a_time(agent, space, officer, admin):
    with clock.frozen(now() - timedelta(hours=2)):
        shown = admitted(agent, space, KETTLE)
    since = now() - timedelta(hours=1)
    revised(agent, shown, "The red kettle is in the cellar.")
    new = admitted(agent, space, "The green lamp hangs in the hall.")
    elsewhere = create_space(admin, name="elsewhere")
    safe = admitted(principal(agent.tenant_id, "agent", elsewhere.id), elsewhere, "The blue door is locked.")
    undo(officer, space_id=space.id, since=since)
    assert (read(agent, shown), state(new), state(safe)) == (KETTLE, "withdrawn", "active")


def test_records_can_be_named_themselves(agent, space, officer):
    one, other = admitted(agent, space, KETTLE), admitted(agent, space, "The green lamp hangs in the hall.")
    undo(officer, ids=(one.memory.cube.id,))
    assert (state(one), state(other)) == ("withdrawn", "active")


def test_nothing_can_be_derived_any_more_from_what_was_undone(agent, mallory, space, officer):
    shown = admitted(agent, space, KETTLE)
    revised(mallory, shown, "The red kettle is in the cellar.")
    undo(officer, writer_id=mallory.id)
    cube_id = shown.memory.cube.id
    with pytest.raises(Validation) as refused:
        admit(agent, submission=submission(space, "Kettles move.", parents=((cube_id, 2),)))
    assert [each.pointer for each in refused.value.errors] == ["/provenance/parents"]
    for number in (1, 3):
        assert not admitted(agent, space, f"Kettle {number} stays.", parents=((cube_id, number),)).held


def test_a_child_whose_parent_is_rolled_back_while_it_is_judged_is_not_written(agent, space, officer, monkeypatch):
    bad = admitted(agent, space, KETTLE, source="chat:bad")
    whole = admitting._write

    def late(*args, **named):
        undo(officer, source="chat:bad")
        return whole(*args, **named)

    monkeypatch.setattr(admitting, "_write", late)
    with pytest.raises(Validation):
        admit(agent, submission=submission(space, "Somebody has a kettle.", parents=(ref(bad),)))
    with tenant_transaction():
        assert MemCube.objects.count() == 1


def test_what_waited_since_the_plan_is_approved_only_by_who_was_told_of_its_parent(agent, space, officer):
    bad, good = admitted(agent, space, KETTLE, source="chat:bad"), admitted(agent, space, "The lamp is green.")
    plan = planned(officer, source="chat:bad")
    execute(officer, plan)
    with tenant_transaction():
        WorkItem.objects.filter(kind="rollback.run").delete()
    parents = (ref(bad), ref(good))
    waiting = admit(agent, submission=submission(space, MOVED, source_type="document", parents=parents))
    assert waiting.held
    running.run_rollback(plan.rollback.id)
    with pytest.raises(Conflict):
        approve(officer, admission_id=waiting.admission.id, reason="Fine.")
    assert state(waiting) == "held"
    undo(officer, source="chat:bad")
    [line] = held.lines(officer, held.Wanted())
    assert line.decision["reasons"][-1] == "undone-parent"
    approve(officer, admission_id=line.admission.id, reason="Fine all the same.")
    assert state(waiting) == "active"


def test_nothing_is_derived_from_what_is_restricted_or_waits_for_a_reviewer(agent, space, officer):
    bad, good = admitted(agent, space, KETTLE, source="chat:bad"), admitted(agent, space, "The lamp is green.")
    part = admitted(agent, space, "A kettle and a lamp are here.", parents=(ref(bad), ref(good)))
    kept = admitted(agent, space, "The pan is blue.", source="chat:bad")
    place_hold(officer, name="Case", basis="audit", ids=[kept.memory.cube.id])
    undo(officer, source="chat:bad")
    assert [state(each) for each in (part, kept)] == ["held", "restricted"]
    for each in (part, kept):
        with pytest.raises(Validation):
            admit(agent, submission=submission(space, "Things are here.", parents=(ref(each),)))
    [line] = held.lines(officer, held.Wanted())
    approve(officer, admission_id=line.admission.id, reason="The lamp is there.")
    assert not admitted(agent, space, "Things are here.", parents=(ref(part),)).held


def test_what_waits_for_a_person_is_kept_by_a_minimum_as_before_and_what_never_was_served_is_not(
    agent, space, officer, admin
):
    kept = keeping(admin, space)
    bad, good = admitted(agent, space, KETTLE, source="chat:bad"), admitted(agent, space, "The lamp is green.")
    part = admitted(agent, space, "A kettle and a lamp are here.", parents=(ref(bad), ref(good)), labels=[kept])
    never = admitted(agent, space, MOVED, source_type="document", labels=[kept])
    undo(officer, source="chat:bad")
    assert [state(each) for each in (part, never)] == ["held", "held"]
    with tenant_transaction():
        assert [each.id for each in MemCube.objects.filter(schedule().is_kept(now()))] == [part.memory.cube.id]
    with pytest.raises(MinimumRetention):
        withdraw(agent, memory_id=part.memory.cube.id, if_match="*")
    for each in (part, never):
        erase(officer, each)
    assert [state(each) for each in (part, never)] == ["restricted", "forgotten"]


# What it tells.


def test_who_was_handed_a_bad_version_is_told(agent, mallory, space, officer):
    shown = admitted(agent, space, KETTLE)
    search(agent, question=Question("kettle"))
    revised(mallory, shown, "The red kettle is in the cellar.")
    drain()
    used = search(agent, question=Question("kettle"))
    plan = planned(officer, writer_id=mallory.id)
    assert plan.rollback.counts["retrievals"] == 1
    [handed] = reading.handed_out(officer, plan.rollback.id, before=None, limit=5)
    assert (handed.retrieval_id, handed.principal_id) == (used.retrieval_id, agent.id)
    assert handed.hits == ((shown.memory.cube.id, 2),)
    assert reading.handed_out(officer, plan.rollback.id, before=handed.retrieval_id, limit=5) == []


def test_a_lesson_that_rests_on_it_is_retired_and_another_is_not(agent, space, officer, admin):
    bad = admitted(agent, space, KETTLE, source="chat:bad")
    good = admitted(agent, space, "The green lamp hangs in the hall.")
    taught = [
        write_lesson(
            officer, teaching=Teaching(space.id, Body("T", "When.", "Look."), Family.SUCCESS, evidence=(ref(each),))
        )
        for each in (bad, good)
    ]
    plan = planned(officer, source="chat:bad")
    assert plan.rollback.counts["lessons"] == 1
    execute(officer, plan)
    drain()
    assert ended(plan).report["lessons"] == 1
    with tenant_transaction():
        states = dict(Lesson.objects.values_list("id", "state"))
    assert [states[each.lesson.id] for each in taught] == ["retired", "candidate"]


def test_every_changed_record_has_an_event_and_so_has_every_step_of_the_order(agent, space, officer, admin):
    from audit.models import Entry

    shown = admitted(agent, space, KETTLE, source="chat:bad")
    plan = planned(officer, source="chat:bad")
    approve_rollback(admin, rollback_id=plan.rollback.id)
    execute(officer, plan)
    drain()
    rollback = ended(plan)
    with tenant_transaction():
        acts = dict(Entry.objects.values_list("id", "act"))
    told = ["rollback.plan", "rollback.approve", "rollback.execute", "rollback.execute"]
    assert [acts[each] for each in rollback.event_ids] == told
    assert acts[items(rollback)[shown.memory.cube.id].event_id] == "memory.withdraw"
    with tenant_transaction():
        operation = Operation.objects.get(id=rollback.operation_id)
    assert (operation.state, operation.done, operation.total) == ("done", 1, 1)
    assert operation.result == {"rollback_id": str(rollback.id)}


# Plans.


def test_a_dry_run_keeps_nothing_and_says_what_a_plan_says(agent, space, officer):
    admitted(agent, space, KETTLE, source="chat:bad")
    dry = planned(officer, dry_run=True, source="chat:bad")
    with tenant_transaction():
        assert not Rollback.objects.exists()
    assert (dry.receipt, dry.rollback.manifest) == (None, planned(officer, source="chat:bad").rollback.manifest)


def test_a_plan_that_would_do_something_else_by_now_is_refused(agent, space, officer):
    shown = admitted(agent, space, KETTLE, source="chat:bad")
    plan = planned(officer, source="chat:bad")
    admitted(agent, space, "Kettles are red.", parents=(ref(shown),))
    with pytest.raises(ManifestChanged):
        execute(officer, plan)
    assert state(shown) == "active"


def test_an_old_plan_has_expired_and_an_executed_one_is_decided(agent, space, officer, admin):
    admitted(agent, space, KETTLE, source="chat:bad")
    plan = planned(officer, source="chat:bad")
    with clock.frozen(now() + timedelta(hours=25)):
        assert reading.state_of(plan.rollback) == "expired"
        with tenant_transaction():
            assert [row.id for row in reading.rollbacks(officer, state="expired")] == [plan.rollback.id]
            assert not reading.rollbacks(officer, state="planned").exists()
        for act in (lambda: execute(officer, plan), lambda: approve_rollback(admin, rollback_id=plan.rollback.id)):
            with pytest.raises(PlanExpired):
                act()
    execute(officer, plan)
    with pytest.raises(AlreadyDecided):
        execute(officer, plan)
    drain()


def test_nobody_approves_an_order_of_his_own(agent, space, officer, admin):
    admitted(agent, space, KETTLE, source="chat:bad")
    plan = planned(officer, source="chat:bad")
    with pytest.raises(PolicyDenied):
        approve_rollback(officer, rollback_id=plan.rollback.id)
    assert approve_rollback(admin, rollback_id=plan.rollback.id).state == "approved"
    with pytest.raises(AlreadyDecided):
        approve_rollback(admin, rollback_id=plan.rollback.id)


def test_what_is_not_there_or_not_said_cannot_be_planned(officer, space):
    with pytest.raises(Validation):
        planned(officer)
    for wanted in ({"ids": (uuid7(),)}, {"space_id": uuid7()}):
        with pytest.raises(NotFound):
            planned(officer, **wanted)


def test_who_does_not_reach_all_of_it_can_order_none_of_it(agent, space, officer, admin):
    elsewhere = create_space(admin, name="elsewhere")
    both = principal(agent.tenant_id, "agent", space.id, elsewhere.id)
    bad = admitted(both, space, KETTLE, source="chat:bad")
    derived = admitted(both, elsewhere, "Somebody has a kettle.", parents=(ref(bad),))
    narrow = principal(agent.tenant_id, "compliance", space.id)
    with pytest.raises(PolicyDenied):
        planned(narrow, source="chat:bad")
    with pytest.raises(NotFound):
        planned(narrow, ids=(derived.memory.cube.id,))
    plan = planned(officer, source="chat:bad")
    narrow = principal(agent.tenant_id, "admin", space.id)
    it_is_nowhere_for(narrow, plan)
    with tenant_transaction():
        assert [list(reading.rollbacks(each, state=None)) for each in (narrow, officer)] == [[], [plan.rollback]]
    execute(officer, plan)
    drain()
    assert (state(bad), state(derived)) == ("withdrawn", "withdrawn")


def test_another_tenant_neither_sees_it_nor_is_touched_by_it(agent, space, officer, other_tenant):
    admitted(agent, space, KETTLE, source="chat:bad")
    plan = planned(officer, source="chat:bad")
    with tenant_scope(other_tenant):
        stranger = principal(other_tenant, "admin")
        theirs = create_space(stranger, name="theirs")
        kept = admitted(principal(other_tenant, "agent", theirs.id), theirs, KETTLE, source="chat:bad")
        it_is_nowhere_for(stranger, plan)
    execute(officer, plan)
    drain()
    with tenant_scope(other_tenant):
        drain()
        assert state(kept) == "active"


# Running.


def clean_and_bad(agent, mallory, space, count=3):
    """Records of which each has a clean version under a bad one."""
    found = [admitted(agent, space, f"Kettle {number} is red and stands on stove {number}.") for number in range(count)]
    for number, shown in enumerate(found):
        revised(mallory, shown, f"Kettle {number} is red and stands in cellar {number}.")
    drain()
    return found


@pytest.mark.parametrize("where", ["between two batches", "within a batch", "before the report"])
def test_a_rollback_that_was_killed_is_finished_by_the_next_run(agent, mallory, space, officer, monkeypatch, where):
    found = clean_and_bad(agent, mallory, space)
    plan = planned(officer, writer_id=mallory.id)
    execute(officer, plan)
    name = {"between two batches": "_batch", "within a batch": "_progress", "before the report": "_finish"}[where]
    whole, calls = getattr(running, name), []

    def dying(*args):
        calls.append(args)
        if len(calls) == 2 or name == "_finish":
            raise MemoryError
        return whole(*args)

    monkeypatch.setattr(running, "BATCH", 1)
    monkeypatch.setattr(running, name, dying)
    with pytest.raises(MemoryError):
        running.run_rollback(plan.rollback.id)
    assert ended(plan).state == "running"
    done = [each.step for each in items(plan.rollback).values()].count("done")
    assert done == (3 if name == "_finish" else 1)
    monkeypatch.setattr(running, name, whole)
    drain()
    rollback = running.run_rollback(plan.rollback.id)  # and once more: there is nothing left to do
    assert (rollback.state, rollback.report["restored"]) == ("done", 3)
    for number, shown in enumerate(found):
        assert read(agent, shown) == f"Kettle {number} is red and stands on stove {number}."
        assert header(shown).version == 3
    with tenant_transaction():
        assert Version.objects.filter(act="memory.rollback").count() == 3


def test_what_was_erased_stays_erased(agent, mallory, space, officer):
    early, late, waiting = clean_and_bad(agent, mallory, space)
    erase(officer, early)
    plan = planned(officer, writer_id=mallory.id)
    assert {each.cube.id for each in plan.plan.undoings} == {ref(late)[0], ref(waiting)[0]}
    execute(officer, plan)
    with tenant_transaction():  # the order waits while the erasure runs
        order = list(WorkItem.objects.filter(kind="rollback.run"))
        WorkItem.objects.filter(kind="rollback.run").delete()
    assert order
    erase(officer, late)
    rollback = running.run_rollback(plan.rollback.id)
    drain()
    assert (rollback.report["erased"], rollback.report["restored"]) == (1, 1)
    for shown in (early, late):
        assert state(shown) == "forgotten"
        with pytest.raises(Erased):
            read(agent, shown)


def erase(officer, shown):
    request = plan_erasure(officer, ids=[shown.memory.cube.id], basis="other", reason="Asked.").request
    execute_erasure(officer, request_id=request.id, expected_manifest=request.manifest)
    drain()


def test_what_an_erasure_waits_to_take_is_left_to_it(agent, space, officer):
    doomed = admitted(agent, space, "The code of the safe is 4711.")
    good = admitted(agent, space, KETTLE)
    part = admitted(agent, space, "A kettle and a safe are here.", parents=(ref(doomed), ref(good)), source="chat:bad")
    erase(officer, doomed)
    assert state(part) == "restricted"
    assert planned(officer, dry_run=True, source="chat:bad").plan.undoings == ()


def test_what_an_erasure_waits_to_take_comes_back_by_no_rollback_and_by_no_approval(agent, space, officer, admin):
    kept = keeping(admin, space)
    shown = admitted(agent, space, KETTLE, source_type="document", labels=[kept])
    waiting = revised(agent, shown, MOVED)
    assert waiting.held
    erase(officer, shown)
    cube = header(shown)
    assert cube.state == "restricted"
    with pytest.raises(Conflict):
        approve(officer, admission_id=waiting.admission.id, reason="Fine.")
    with pytest.raises(Conflict):
        roll_back(officer, memory_id=cube.id, if_match=etag(cube.version, cube.rev), to_version=1, reason="Back.")
    assert (state(shown), header(shown).rev) == ("restricted", cube.rev)


def keeping(admin, space):
    """A label under which a record of the space is kept for thirty days."""
    rules = (Rule.from_json({"label": "keep:yes", "minimum": "P30D"}),)
    made, _ = create_retention_policy(admin, name="kept", rules=rules)
    update_space(admin, space_id=space.id, if_match="*", changes={"retention_policy_id": made.policy.id})
    return "keep:yes"


def test_a_legal_hold_has_the_record_restricted_and_nothing_of_it_changed(agent, mallory, space, officer):
    kept, free = clean_and_bad(agent, mallory, space, 2)
    hold = place_hold(officer, name="Case", basis="audit", ids=[kept.memory.cube.id])
    plan = planned(officer, writer_id=mallory.id)
    assert counts(plan) == {"restored": 1, "restricted": 1}
    execute(officer, plan)
    late = place_hold(officer, name="Late", basis="audit", ids=[free.memory.cube.id])
    drain()
    for shown in (kept, free):
        assert (state(shown), header(shown).version) == ("restricted", 2)
        with pytest.raises(NotFound):
            read(principal(agent.tenant_id, "agent", space.id), shown)
    assert ended(plan).report["restricted"] == 2
    for each in (hold, late):
        release_hold(officer, hold_id=each.hold.id, reason="Closed.")
    undo(officer, writer_id=mallory.id)
    assert [read(agent, shown) for shown in (kept, free)] == [
        f"Kettle {number} is red and stands on stove {number}." for number in range(2)
    ]


def test_what_changed_or_was_made_since_the_plan_is_restricted_and_not_overwritten(agent, mallory, space, officer):
    changed, plain = clean_and_bad(agent, mallory, space, 2)
    gone = admitted(mallory, space, "The green lamp hangs in the hall.")
    plan = planned(officer, writer_id=mallory.id)
    execute(officer, plan)
    revised(agent, changed, "Kettle 0 is red and stands in the old cellar.")
    withdraw(agent, memory_id=gone.memory.cube.id, if_match="*")
    with tenant_transaction():
        WorkItem.objects.filter(kind="rollback.run").delete()
    made = admitted(agent, space, "Somebody has kettles.", parents=(ref(plain),))
    rollback = running.run_rollback(plan.rollback.id)
    drain()
    assert [state(each) for each in (changed, plain, gone, made)] == ["restricted", "active", "withdrawn", "restricted"]
    assert header(changed).version == 3
    assert (rollback.report["changed"], rollback.report["late"], rollback.report["restored"]) == (2, 2, 1)


def test_who_lost_his_right_meanwhile_does_nothing_any_more(agent, mallory, space, officer, admin):
    [shown] = clean_and_bad(agent, mallory, space, 1)
    plan = planned(officer, writer_id=mallory.id)
    execute(officer, plan)
    revoke_key(admin, key_id=officer.key_id, if_match="*")
    drain()
    rollback = ended(plan)
    assert (rollback.state, rollback.report["denied"], header(shown).version) == ("failed", 1, 2)
    with tenant_transaction():
        assert Operation.objects.get(id=rollback.operation_id).problem == "policy-denied"
    other = credential(admin, "compliance")
    assert undo(other, writer_id=mallory.id).report["restored"] == 1


def test_a_clean_version_whose_key_is_gone_leaves_a_tombstone(agent, mallory, space, officer):
    [shown] = clean_and_bad(agent, mallory, space, 1)
    with tenant_transaction():
        first = Version.objects.get(memcube_id=shown.memory.cube.id, number=1)
    keys.destroy([first.id])
    rollback = undo(officer, writer_id=mallory.id)
    assert (rollback.report["unrecoverable"], state(shown)) == (1, "withdrawn")


def test_a_record_that_was_tampered_with_holds_up_no_other(agent, mallory, space, officer, superuser):
    spoilt, whole = clean_and_bad(agent, mallory, space, 2)
    plan = planned(officer, writer_id=mallory.id)
    execute(officer, plan)
    superuser.execute("UPDATE governance_memcube SET labels = '{acl:admin}' WHERE id = %s", [spoilt.memory.cube.id])
    try:
        drain()
        assert (items(ended(plan))[ref(spoilt)[0]].step, header(spoilt).version) == ("changed", 2)
        assert read(agent, whole) == "Kettle 1 is red and stands on stove 1."
    finally:
        superuser.execute("UPDATE governance_memcube SET labels = '{}' WHERE id = %s", [spoilt.memory.cube.id])
