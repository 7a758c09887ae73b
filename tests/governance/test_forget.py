"""Forgetting: keys die, not rows; holds stop it; what is derived goes too; the certificate never claims too much."""

import json
from datetime import timedelta

import pytest

from foundation.kernel import clock
from foundation.kernel.canonical import canonical
from foundation.kernel.problems import Erased, LegalHold, ManifestChanged, NotFound, PlanExpired, PolicyDenied
from foundation.kernel.scope import tenant_transaction
from foundation.keyring import keys
from governance import selectors
from governance.models import (
    Certificate,
    ErasureRequest,
    HeaderRevision,
    LineageEdge,
    MemCube,
    Subject,
    SubjectLink,
    Version,
)
from governance.services.approve_erasure import approve_erasure
from governance.services.execute_erasure import execute_erasure
from governance.services.place_hold import place_hold
from governance.services.plan_erasure import commitment, plan_erasure
from governance.services.release_hold import release_hold
from governance.services.search import Question, search
from governance.services.withdraw import withdraw
from tests.governance.builders import admitted, drain
from tests.governance.conftest import principal


def planned(officer, **what):
    return plan_erasure(officer, basis="gdpr-17", reason="Asked.", **what)


def forget(officer, **what):
    plan = planned(officer, **what)
    execute_erasure(officer, request_id=plan.request.id, expected_manifest=plan.request.manifest)
    drain()
    with tenant_transaction():
        return ErasureRequest.objects.get(id=plan.request.id)


def state(shown):
    with tenant_transaction():
        return MemCube.objects.get(id=shown.memory.cube.id).state


def read(who, shown):
    return selectors.memory(who, memory_id=shown.memory.cube.id).memory.payload.content


def test_a_forgotten_subject_is_gone_and_the_others_stay(agent, space, officer):
    gone = admitted(agent, space, "Ana plays the violin.", subjects=("crm:1",))
    kept = admitted(agent, space, "Bob plays the violin.", subjects=("crm:2",))
    request = forget(officer, subject="crm:1")
    assert (request.state, request.assurance, request.index_assurance) == ("done", "A2", "A0")
    with pytest.raises(Erased):
        read(agent, gone)
    assert read(agent, kept) == "Bob plays the violin."
    assert [each.memory.payload.content for each in search(agent, question=Question("violin")).found] == [
        "Bob plays the violin."
    ]


def test_no_row_and_no_key_of_it_is_left(agent, space, officer):
    gone = admitted(agent, space, "Ana plays the violin.", subjects=("crm:1",))
    cube_id, subject_id = gone.memory.cube.id, gone.memory.cube.subject_ids[0]
    forget(officer, subject="crm:1")
    assert keys.open_many([gone.memory.version.id, subject_id]) == {}
    with tenant_transaction():
        assert not Version.objects.filter(memcube_id=cube_id).exists()
        assert not SubjectLink.objects.filter(subject_id=subject_id).exists()
        assert Subject.objects.get(id=subject_id).sealed_name is None
        assert HeaderRevision.objects.filter(memcube_id=cube_id).count() == 1  # the tombstone's
    with pytest.raises(NotFound):
        planned(officer, subject="crm:1")


def test_what_is_wholly_derived_goes_and_what_is_partly_derived_waits_out_of_sight(agent, space, officer):
    ana = admitted(agent, space, "Ana plays the violin.", subjects=("crm:1",))
    bob = admitted(agent, space, "Bob plays the cello.", subjects=("crm:2",))
    parent, other = (ana.memory.cube.id, 1), (bob.memory.cube.id, 1)
    sole = admitted(agent, space, "Someone is musical.", parents=(parent,))
    deep = admitted(agent, space, "Music exists.", parents=((sole.memory.cube.id, 1), parent))
    part = admitted(agent, space, "Two play strings.", parents=(parent, other))
    plan = planned(officer, ids=[ana.memory.cube.id])
    assert {name: plan.request.counts[name] for name in ("records", "derived_sole", "derived_partial", "shared", "held")} == {
        "records": 1, "derived_sole": 2, "derived_partial": 1, "shared": 0, "held": 0,
    }  # fmt: skip
    execute_erasure(officer, request_id=plan.request.id, expected_manifest=plan.request.manifest)
    drain()
    assert [state(each) for each in (ana, sole, deep, part, bob)] == [
        "forgotten",
        "forgotten",
        "forgotten",
        "restricted",
        "active",
    ]
    with pytest.raises(NotFound):
        read(principal(agent.tenant_id, "agent", space.id), part)
    with clock.frozen(clock.now() + timedelta(hours=25)):
        from governance.services.run_erasure import run_erasure

        finished = run_erasure(plan.request.id, None)
        drain()
    assert (state(part), finished.state) == ("forgotten", "done")


def test_what_inherits_a_subject_is_counted_as_derived(agent, space, officer):
    ana = admitted(agent, space, "Ana plays the violin.", subjects=("crm:1",))
    child = admitted(agent, space, "Someone is musical.", parents=((ana.memory.cube.id, 1),))
    plan = planned(officer, subject="crm:1")
    assert (plan.request.counts["records"], plan.request.counts["derived_sole"]) == (1, 1)
    forget(officer, subject="crm:1")
    assert (state(ana), state(child)) == ("forgotten", "forgotten")


def test_a_record_about_two_people_waits_restricted(agent, space, officer):
    shared = admitted(agent, space, "Ana and Bob are married.", subjects=("crm:1", "crm:2"))
    plan = planned(officer, subject="crm:1")
    assert plan.request.counts["shared"] == 1
    request = forget(officer, subject="crm:1")
    assert (state(shared), request.state) == ("restricted", "partial")


def test_a_hold_stops_destruction_and_its_release_lets_it_go_on(agent, space, officer):
    held = admitted(agent, space, "Ana plays the violin.", subjects=("crm:1",))
    hold = place_hold(officer, name="Case 12", basis="litigation", subject="crm:1")
    assert hold.records == 1
    with pytest.raises(LegalHold) as refused:
        withdraw(agent, memory_id=held.memory.cube.id, if_match="*")
    assert refused.value.extra["hold_ids"] == [str(hold.hold.id)]
    request = forget(officer, subject="crm:1")
    assert (request.state, state(held)) == ("partial", "restricted")
    assert keys.open_many([held.memory.version.id])
    release_hold(officer, hold_id=hold.hold.id, reason="Closed.")
    drain()
    with tenant_transaction():
        request = ErasureRequest.objects.get(id=request.id)
    assert (request.state, state(held)) == ("done", "forgotten")


def test_a_plan_that_would_do_something_else_by_now_is_refused(agent, space, officer):
    admitted(agent, space, subjects=("crm:1",))
    plan = planned(officer, subject="crm:1")
    late = admitted(agent, space, "Another.", subjects=("crm:1",))
    with pytest.raises(ManifestChanged):
        execute_erasure(officer, request_id=plan.request.id, expected_manifest=plan.request.manifest)
    assert state(late) == "active"


def test_an_old_plan_has_expired(agent, space, officer):
    admitted(agent, space, subjects=("crm:1",))
    plan = planned(officer, subject="crm:1")
    with clock.frozen(clock.now() + timedelta(hours=25)), pytest.raises(PlanExpired):
        execute_erasure(officer, request_id=plan.request.id, expected_manifest=plan.request.manifest)


def test_a_dry_run_keeps_nothing(agent, space, officer):
    admitted(agent, space, subjects=("crm:1",))
    plan = planned(officer, subject="crm:1", dry_run=True)
    assert (plan.receipt, plan.secret, plan.request.counts["records"]) == (None, None, 1)
    with tenant_transaction():
        assert not ErasureRequest.objects.exists()


def test_nobody_approves_a_request_of_their_own(agent, space, officer, admin):
    admitted(agent, space, subjects=("crm:1",))
    plan = planned(officer, subject="crm:1")
    with pytest.raises(PolicyDenied):
        approve_erasure(officer, request_id=plan.request.id)
    assert approve_erasure(admin, request_id=plan.request.id).state == "approved"


def test_a_space_and_a_source_can_be_forgotten(agent, space, officer):
    mail = admitted(agent, space, "From a mail.", source="mail:1")
    chat = admitted(agent, space, "From a chat.", source="chat:1")
    forget(officer, source="mail:1")
    assert (state(mail), state(chat)) == ("forgotten", "active")
    forget(officer, space_id=space.id)
    assert state(chat) == "forgotten"


def test_a_person_may_come_back_as_somebody_new(agent, space, officer):
    admitted(agent, space, "Ana plays.", subjects=("crm:1",))
    forget(officer, subject="crm:1")
    again = admitted(agent, space, "Ana is back.", subjects=("crm:1",))
    assert read(agent, again) == "Ana is back."


@pytest.mark.parametrize("step", ["purge", "_entomb"])
def test_an_erasure_that_was_killed_is_finished_by_the_next_run(agent, space, officer, monkeypatch, step):
    from governance import forgetting
    from governance.services.run_erasure import run_erasure

    gone = admitted(agent, space, "Ana plays the violin.", subjects=("crm:1",))
    plan = planned(officer, subject="crm:1")
    whole = getattr(forgetting, step)
    monkeypatch.setattr(forgetting, step, lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run_erasure(plan.request.id, None)
    monkeypatch.setattr(forgetting, step, whole)
    assert keys.open_many([gone.memory.version.id]) == {}
    finished = run_erasure(plan.request.id, None)
    assert (finished.state, finished.assurance, state(gone)) == ("done", "A2", "forgotten")


def test_the_certificate_verifies_offline_and_a_changed_one_does_not(agent, space, officer):
    from audit.evidence import Refused, verify_certificate
    from audit.origin import log_verifier
    from governance.certificates import file_of

    admitted(agent, space, "Ana plays the violin.", subjects=("crm:1",))
    plan = planned(officer, subject="crm:1")
    execute_erasure(officer, request_id=plan.request.id, expected_manifest=plan.request.manifest)
    drain()
    with tenant_transaction():
        certificate = file_of(Certificate.objects.get(request_id=plan.request.id))
    verify_certificate(certificate, [log_verifier()])
    body = certificate["certificate"]
    assert (body["erased"], body["held"], body["assurance"], body["index_assurance"]) == (1, 0, "A2", "A0")
    assert body["key_destruction"]
    assert "violin" not in json.dumps(certificate)
    import base64

    assert base64.b64decode(body["subject_commitment"]) == commitment(plan.secret, "crm:1")
    changed = json.loads(json.dumps(certificate))
    changed["certificate"]["erased"] = 2
    assert canonical(changed["certificate"]) != canonical(body)
    with pytest.raises(Refused):
        verify_certificate(changed, [log_verifier()])


def test_lineage_of_the_forgotten_is_gone(agent, space, officer):
    parent = admitted(agent, space, "Ana plays.", subjects=("crm:1",))
    child = admitted(agent, space, "Derived.", parents=((parent.memory.cube.id, 1),))
    nodes, edges = selectors.lineage(agent, memory_id=child.memory.cube.id)
    assert (len(nodes), len(edges)) == (2, 1)
    forget(officer, subject="crm:1")
    with tenant_transaction():
        assert not LineageEdge.objects.exists()
