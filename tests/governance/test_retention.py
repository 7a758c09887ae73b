"""Retention: what is kept stays, what is over goes by the one way of forgetting, and a hold comes before both."""

from __future__ import annotations

import itertools
import json
from contextlib import nullcontext
from datetime import timedelta

import pytest

from foundation.kernel import clock
from foundation.kernel.problems import Erased, LegalHold, MinimumRetention, NotFound, Validation, VersionConflict
from foundation.kernel.scope import tenant_scope, tenant_transaction
from foundation.keyring import keys
from foundation.rest.etags import etag
from governance import selectors
from governance.models import Certificate, ErasureItem, ErasureRequest, MemCube
from governance.retention.rules import RetentionPolicy, Rule
from governance.services import sweep_retention as sweeping
from governance.services.admit import admit
from governance.services.execute_erasure import execute_erasure
from governance.services.place_hold import place_hold
from governance.services.plan_erasure import plan_erasure
from governance.services.release_hold import release_hold
from governance.services.retention_policies import create_retention_policy, replace_retention_policy
from governance.services.simulate_retention import simulate_retention
from governance.services.spaces import create_space, update_space
from governance.services.sweep_retention import sweep_retention
from governance.services.withdraw import withdraw
from tests.governance.builders import drain, submission
from tests.governance.conftest import principal

DAY = timedelta(days=1)
KEEP, SHORT = "keep:yes", "stay:short"
KEPT_TEN_YEARS = {"label": KEEP, "minimum": "P10Y"}
OVER_AFTER_A_DAY = {"label": SHORT, "maximum": "P1D"}


def rules(*given):
    return tuple(Rule.from_json(rule) for rule in given)


def governed(admin, space, *given, name="support"):
    """The space under a policy of these rules."""
    made, _ = create_retention_policy(admin, name=name, rules=rules(*given))
    update_space(admin, space_id=space.id, if_match="*", changes={"retention_policy_id": made.policy.id})
    return made.policy


def admitted(agent, space, content="The red kettle stands on the stove.", **fields):
    """An admitted memory, whose indexing is still owed."""
    return admit(agent, submission=submission(space, content, **fields))


def later(days=3):
    drain()  # nothing waits for the log until then
    return clock.frozen(clock.now() + days * DAY)


def swept():
    """Sweep until nothing more is ordered; how many records were."""
    ordered = 0
    while number := sweep_retention():
        ordered += number
        drain()
    drain()
    return ordered


def state(shown):
    with tenant_transaction():
        return MemCube.objects.get(id=shown.memory.cube.id).state


def read(who, shown):
    return selectors.memory(who, memory_id=shown.memory.cube.id).memory.seen.content


def states(*shown):
    return [state(each) for each in shown]


def executed(officer, **what):
    plan = plan_erasure(officer, basis="gdpr-17", reason="Asked.", **what)
    execute_erasure(officer, request_id=plan.request.id, expected_manifest=plan.request.manifest)
    drain()
    with tenant_transaction():
        return ErasureRequest.objects.get(id=plan.request.id)


def certificate(request):
    with tenant_transaction():
        newest = Certificate.objects.filter(request_id=request.id).order_by("-id").first()
    return json.loads(bytes(newest.signed))["certificate"]


def test_hold_then_minimum_then_erasure_then_maximum_then_delete(agent, admin, officer, space):
    """Every combination of a hold, a minimum and a maximum, against a delete, an erasure and the sweep."""
    governed(admin, space, KEPT_TEN_YEARS, OVER_AFTER_A_DAY)
    cases = list(itertools.product((False, True), repeat=3))
    written = {
        case: [
            admitted(agent, space, f"Kettle {case} {n}.", labels=[KEEP] * case[1] + [SHORT] * case[2]) for n in range(3)
        ]
        for case in cases
    }
    under_hold = [each.memory.cube.id for case in cases if case[0] for each in written[case]]
    place_hold(officer, name="Case", basis="audit", ids=under_hold)
    with later():
        for held, kept, over in cases:
            refusal = LegalHold if held else MinimumRetention if kept else None
            with pytest.raises(refusal) if refusal else nullcontext():
                withdraw(agent, memory_id=written[held, kept, over][0].memory.cube.id, if_match="*")
        request = executed(officer, ids=[written[case][1].memory.cube.id for case in cases])
        told = certificate(request)
        assert (request.state, told["held"], told["exempted"], told["erased"]) == ("partial", 4, 2, 2)
        assert swept() == 2  # the deleted one and the one left alone
        for held, kept, over in cases:
            deleted, ordered, left = written[held, kept, over]
            bound = held or kept
            assert state(ordered) == ("restricted" if bound else "forgotten")
            assert state(left) == ("active" if bound or not over else "forgotten")
            assert state(deleted) == ("active" if bound else "forgotten" if over else "withdrawn")
            assert bool(keys.open_many([left.memory.version.id])) is (bound or not over)


def test_a_refused_delete_says_by_which_policy_and_until_when(agent, admin, space):
    policy = governed(admin, space, KEPT_TEN_YEARS)
    kept = admitted(agent, space, labels=[KEEP])
    with pytest.raises(MinimumRetention) as refused:
        withdraw(agent, memory_id=kept.memory.cube.id, if_match="*")
    extra = refused.value.extra
    assert (extra["retention_policy_id"], extra["retention_policy_version"]) == (str(policy.id), 1)
    assert extra["retained_until"].startswith(str(clock.now().year + 10))


def test_a_certificate_names_the_policy_and_what_was_kept_is_erased_when_that_has_passed(agent, admin, officer, space):
    policy = governed(admin, space, {"kind": "semantic", "minimum": "P30D"})
    kept = admitted(agent, space, "Ana plays the violin.", kind="semantic", subjects=("crm:1",))
    gone = admitted(agent, space, "Ana plays the cello.", subjects=("crm:1",))
    request = executed(officer, subject="crm:1")
    assert (states(kept, gone), request.state, request.counts["exempted"]) == (
        ["restricted", "forgotten"],
        "partial",
        1,
    )
    (told,) = certificate(request)["exemptions"]
    assert (told["policy"], told["version"], told["records"]) == (str(policy.id), 1, 1)
    assert sweep_retention() == 0
    drain()
    assert state(kept) == "restricted"
    with later(31):
        swept()
        with tenant_transaction():
            request = ErasureRequest.objects.get(id=request.id)
        assert (state(kept), request.state) == ("forgotten", "done")
        assert (certificate(request)["exempted"], certificate(request)["exemptions"]) == (0, [])


def test_what_was_kept_goes_on_when_the_policy_lets_it_go(agent, admin, officer, space):
    policy = governed(admin, space, {"minimum": "P30D"})
    kept = admitted(agent, space, subjects=("crm:1",))
    executed(officer, subject="crm:1")
    replace_retention_policy(admin, policy_id=policy.id, if_match=etag(1), name="support", rules=())
    swept()
    assert state(kept) == "forgotten"


def test_a_sweep_goes_batch_by_batch_and_each_has_its_certificate(agent, admin, space, monkeypatch):
    monkeypatch.setattr(sweeping, "BATCH", 2)
    governed(admin, space, OVER_AFTER_A_DAY)
    over = [admitted(agent, space, f"Kettle {n}.", labels=[SHORT]) for n in range(5)]
    stays = admitted(agent, space, "A pan.")
    with later():
        assert sweep_retention() == 2
        assert sweep_retention() == 0  # one batch at a time
        drain()
        assert states(*over) == ["forgotten"] * 2 + ["active"] * 3  # the oldest first
        assert swept() == 3
        with tenant_transaction():
            requests = list(ErasureRequest.objects.order_by("id"))
    assert (states(*over), state(stays)) == (["forgotten"] * 5, "active")
    assert [(each.basis, each.state, each.assurance) for each in requests] == [("retention", "done", "A2")] * 3
    assert [certificate(each)["erased"] for each in requests] == [2, 2, 1]
    with pytest.raises(Erased):
        selectors.memory(agent, memory_id=over[0].memory.cube.id)


@pytest.mark.parametrize("step", ["purge", "_entomb"])
def test_a_sweep_that_was_killed_is_finished_by_the_next_worker(agent, admin, space, monkeypatch, step):
    from governance import forgetting
    from governance.services.run_erasure import run_erasure

    governed(admin, space, OVER_AFTER_A_DAY)
    over = admitted(agent, space, labels=[SHORT])
    with later():
        sweep_retention()
        with tenant_transaction():
            request = ErasureRequest.objects.get()
        whole = getattr(forgetting, step)
        monkeypatch.setattr(forgetting, step, lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run_erasure(request.id, None)
        monkeypatch.setattr(forgetting, step, whole)
        assert sweep_retention() == 0  # it is still that batch's
        drain()
        assert (state(over), run_erasure(request.id, None).state) == ("forgotten", "done")


def test_held_records_do_not_hide_what_is_over_behind_them(agent, admin, officer, space, monkeypatch):
    monkeypatch.setattr(sweeping, "BATCH", 1)
    governed(admin, space, OVER_AFTER_A_DAY)
    held = admitted(agent, space, "Held.", labels=[SHORT], subjects=("crm:1",))
    over = admitted(agent, space, "Over.", labels=[SHORT])
    hold = place_hold(officer, name="Case", basis="audit", subject="crm:1")
    with later():
        swept()
        assert states(held, over) == ["active", "forgotten"]
        release_hold(officer, hold_id=hold.hold.id, reason="Closed.")
        swept()
        assert state(held) == "forgotten"


def test_nothing_is_erased_on_the_day_a_policy_or_a_version_begins_to_hold(agent, admin, space):
    with clock.frozen(clock.now() - 10 * DAY):
        old = admitted(agent, space, labels=[SHORT])
    policy = governed(admin, space, OVER_AFTER_A_DAY)
    assert swept() == 0
    with later(2):
        replaced = rules(OVER_AFTER_A_DAY, {"kind": "vault", "maximum": "P1Y"})
        replace_retention_policy(admin, policy_id=policy.id, if_match=etag(1), name="support", rules=replaced)
        assert swept() == 0
        with later(0.9):
            assert swept() == 0
        with later(1.1):
            assert swept() == 1
    assert state(old) == "forgotten"


def test_a_space_without_a_policy_is_left_alone(agent, admin, space):
    governed(admin, space, OVER_AFTER_A_DAY)
    over = admitted(agent, space, labels=[SHORT])
    update_space(admin, space_id=space.id, if_match="*", changes={"retention_policy_id": None})
    with later():
        assert (swept(), state(over)) == (0, "active")


def test_what_is_derived_goes_along_unless_its_own_rule_says_how_long_it_stays(agent, admin, space):
    governed(admin, space, OVER_AFTER_A_DAY, {"kind": "semantic", "maximum": "P1Y"})
    episode = admitted(agent, space, "Ana asked for tea.", labels=[SHORT])
    parents = ((episode.memory.cube.id, 1),)
    along = admitted(agent, space, "Somebody asked for tea.", parents=parents)
    fact = admitted(agent, space, "Tea is asked for.", kind="semantic", parents=parents)
    with later():
        swept()
        assert states(episode, along, fact) == ["forgotten", "forgotten", "active"]


def test_an_expired_record_that_must_be_kept_is_out_of_sight_and_goes_when_it_may(agent, admin, space):
    governed(admin, space, {"minimum": "P30D"})
    short = admitted(agent, space, ttl=DAY)
    with later(2):
        drain()
        swept()
        assert state(short) == "active"
        with pytest.raises(NotFound):
            selectors.memory(principal(agent.tenant_id, "agent", space.id), memory_id=short.memory.cube.id)
    with later(31):
        swept()
        assert state(short) == "forgotten"


def test_a_kept_memory_keeps_the_values_it_says_and_they_go_when_it_may(agent, admin, officer, space):
    governed(admin, space, {"kind": "vault", "minimum": "P30D"})
    kept = admitted(agent, space, "{{Ana}} signed.", kind="vault")
    admitted(agent, space, "{{Ana}} plays.", subjects=("crm:1",))
    request = executed(officer, subject="crm:1")
    assert (request.state, certificate(request)["identifiers_held"]) == ("partial", 1)
    assert read(agent, kept) == "{{Ana}} signed."
    with later(31):
        swept()
        told = certificate(request)
        assert (told["identifiers_held"], state(kept)) == (0, "active")
        assert read(agent, kept).startswith("<PERSON_")


def test_a_candidate_that_is_refused_is_not_kept(admin, agent, officer, space):
    from governance.services.review import reject

    governed(admin, space, {"minimum": "P30D"})
    refused = admit(agent, submission=submission(space, "{{late}}"))
    assert refused.held
    drain()
    reject(officer, admission_id=refused.admission.id, reason="No.")
    drain()
    assert state(refused) == "forgotten"


def test_a_tenants_policy_is_its_own(agent, admin, space, database):
    from tenants.services.create_tenant import create_tenant

    policy = governed(admin, space, OVER_AFTER_A_DAY)
    here = admitted(agent, space, labels=[SHORT])
    there = create_tenant(name="There").key.tenant_id
    with tenant_scope(there):
        other = principal(there, "admin")
        with pytest.raises(Validation):
            create_space(other, name="support", retention_policy_id=policy.id)
        neighbour = create_space(other, name="support")
        untouched = admitted(principal(there, "agent", neighbour.id), neighbour, labels=[SHORT])
    with later():
        with tenant_scope(there):
            assert swept() == 0
        assert state(here) == "active"
        assert swept() == 1
        with tenant_scope(there):
            assert state(untouched) == "active"


def test_a_replacement_needs_the_version_that_was_read(admin, space):
    policy = governed(admin, space)
    for expected in (VersionConflict, NotFound):
        with pytest.raises(expected):
            id = policy.id if expected is VersionConflict else space.id
            replace_retention_policy(admin, policy_id=id, if_match=etag(7), name="support", rules=())


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ([{"kind": "vault"}], "/rules/0"),
        ([{"minimum": "P2Y", "maximum": "P1Y"}], "/rules/0/minimum"),
        ([{"minimum": "P2Y"}, {"maximum": "P3Y"}], "/rules/1"),
        ([{"minimum": "P1D", "space": "01a202c9-0001-7a00-8000-000000000001"}], "/rules/0/space"),
    ],
)
def test_rules_that_cannot_hold_are_refused(admin, given, pointer):
    with pytest.raises(Validation) as refused:
        create_retention_policy(admin, name="support", rules=rules(*given))
    assert [each.pointer for each in refused.value.errors] == [pointer]


def test_a_simulation_tells_what_would_go_what_is_kept_and_changes_nothing(agent, admin, officer, space):
    short = [admitted(agent, space, f"Kettle {n}.", labels=[SHORT]) for n in range(3)]
    both = admitted(agent, space, "A pan.", labels=[SHORT, KEEP])
    admitted(agent, space, "A lid.", parents=((short[0].memory.cube.id, 1),))
    soon = admitted(agent, space, "A cup.", kind="semantic")
    place_hold(officer, name="Case", basis="audit", ids=[short[2].memory.cube.id])
    draft = RetentionPolicy(
        space.id, "draft", 0, rules(KEPT_TEN_YEARS, OVER_AFTER_A_DAY, {"kind": "semantic", "maximum": "P10D"})
    )
    with later():
        told = simulate_retention(admin, draft=draft, space_ids=[space.id], days=30, limit=100)
        assert (told.examined, told.complete, told.protected, told.unbounded, told.derived) == (6, True, 1, 1, 1)
        assert dict(told.days) == {0: 2, 7: 1}
        assert dict(told.blocked) == {"hold": 1, "minimum": 1}
        assert {each.id: each.kept_by for each in told.samples} == {
            short[0].memory.cube.id: None,
            short[1].memory.cube.id: None,
            short[2].memory.cube.id: "hold",
            both.memory.cube.id: "minimum",
            soon.memory.cube.id: None,
        }
        few = simulate_retention(admin, draft=draft, space_ids=[space.id], days=30, limit=2)
        assert (few.examined, few.complete) == (2, False)
        drain()
    with tenant_transaction():
        assert not ErasureItem.objects.exists()
        assert not MemCube.objects.exclude(state="active").exists()


def test_the_worker_sweeps_every_tenant(agent, admin, space):
    from memwrit.upkeep import upkeep

    (duty,) = (each for each in upkeep.duties if each.name == "retention")
    governed(admin, space, OVER_AFTER_A_DAY)
    over = admitted(agent, space, labels=[SHORT])
    with later():
        duty.act()
        drain()
        assert state(over) == "forgotten"
