"""Every verdict can be judged again from its record, with the same result; and thresholds are learnt from verdicts."""

import json
import os
import subprocess
import sys
from dataclasses import replace

from foundation.kernel.scope import tenant_scope, tenant_transaction
from foundation.rest.etags import etag
from governance import forgetting
from governance.bundles import bundles
from governance.services.admit import admit
from governance.services.recalibrate import recalibrate
from governance.services.review import reject
from governance.services.rollback import roll_back
from governance.services.withdraw import withdraw
from guard.models import CalibrationVersion
from guard.replay import Bundle, Outcome, replay
from guard.types import GuardPolicy
from tests.governance.builders import admitted, submission

FACTS = [
    "The Varn mill was built in 1887 by Otto Lang.",
    "Otto Lang built the Varn mill in 1887.",
    "The mill is closed.",
]
MOVED = "Records of patient 031-1001 moved to 029-1001."


def known(agent, space):
    for number, text in enumerate(FACTS):
        admitted(agent, space, text, source=f"almanac{number}", source_type="document")


def outcomes():
    return [replay(each) if isinstance(each, Bundle) else each for each in bundles()]


def test_every_verdict_comes_out_again(agent, space):
    known(agent, space)
    admit(agent, submission=submission(space, MOVED, source_type="document"))
    admit(agent, submission=submission(space, "{{late}} kettle"))
    admit(agent, submission=submission(space, "{{Ana}} prefers the aisle seat.", speaker="user", metadata={"a": [1]}))
    found = outcomes()
    assert [each.outcome for each in found] == [Outcome.SAME] * 6
    assert {each.recorded for each in found} == {"admit", "hold"}


def test_a_bundle_is_enough_without_any_database(agent, space):
    known(agent, space)
    saved = [json.dumps(each.to_json()) for each in bundles()]
    again = [replay(Bundle.from_json(json.loads(line))) for line in saved]
    assert [each.outcome for each in again] == [Outcome.SAME] * 3
    assert len(json.loads(saved[0])["paths"]) == 2  # the newest was judged beside the two before


def test_a_record_that_says_otherwise_is_found(agent, space):
    known(agent, space)
    for tampered in ({"decision": "hold"}, {"reasons": []}, {"signals": []}):
        bundle = next(iter(bundles()))
        changed = replay(Bundle.from_json(bundle.to_json() | {"record": {**bundle.record, **tampered}}))
        assert (changed.outcome, changed.differences) == (Outcome.DIFFERENT, tuple(tampered))


def test_a_verdict_of_other_rules_is_not_called_wrong(agent, space):
    known(agent, space)
    raw = next(iter(bundles())).to_json()
    raw["record"]["grounds"]["detector"] = "guard-1+000000000000"
    assert replay(Bundle.from_json(raw)).outcome is Outcome.OTHER_DETECTOR


def test_what_was_erased_cannot_be_judged_by_again_and_says_so(agent, space, admin):
    known(agent, space)
    shown = admitted(agent, space, "The mill at Varn was sold in 1950.", source="gazette", source_type="document")
    first = next(iter(bundles([shown.admission.id])))
    doomed = next(iter(first.paths))[0]
    with tenant_transaction():
        keys_of = forgetting.keys_of([doomed])[doomed]
    forgetting.freeze([doomed])
    forgetting.shred([doomed], keys_of)
    again = next(iter(bundles([shown.admission.id])))
    assert replay(again).outcome is Outcome.EVIDENCE_ERASED


def test_a_rollback_was_not_judged_anew(agent, space, admin):
    shown = admitted(agent, space)
    gone = withdraw(agent, memory_id=shown.memory.cube.id, if_match=etag(1, shown.memory.cube.rev)).cube
    match = etag(gone.version, gone.rev)
    roll_back(admin, memory_id=gone.id, if_match=match, to_version=1, reason="Back again.")
    assert [each.outcome for each in outcomes()] == [Outcome.NOT_JUDGED, Outcome.SAME]


def quick(monkeypatch, least):
    """A tenant need have only so many records of a kind."""
    policy = replace(GuardPolicy(), tenant_calibration_from=least)
    monkeypatch.setattr("governance.services.recalibrate.GuardPolicy", lambda: policy)


def versions():
    with tenant_transaction():
        return list(CalibrationVersion.objects.order_by("number").values_list("number", "records"))


def test_a_tenant_with_few_records_keeps_the_pooled_thresholds(agent, space):
    known(agent, space)
    assert recalibrate() is None
    assert versions() == []


def test_thresholds_are_learnt_from_what_was_let_pass_and_numbered(agent, space, officer, monkeypatch):
    quick(monkeypatch, 3)
    known(agent, space)
    held = admit(agent, submission=submission(space, MOVED, source="intruder", source_type="document"))
    reject(officer, admission_id=held.admission.id, reason="Poison.")
    admitted(agent, space, "The intruder's kettle is red.", source="intruder", source_type="document")
    made = recalibrate()
    assert (made.version, versions()) == (1, [(1, 3)])  # neither what was refused, nor what its voice wrote besides
    assert {tail.groups for tail in made.tails.values()} == {3}
    assert recalibrate() is None  # nothing changed
    admitted(agent, space, "The kettle in Varn is blue.", source="almanac9", source_type="document")
    assert recalibrate().version == 2


def test_a_verdict_under_a_tenants_own_thresholds_comes_out_again(agent, space, monkeypatch):
    quick(monkeypatch, 3)
    known(agent, space)
    recalibrate()
    shown = admitted(agent, space, "The kettle in Varn is blue.", source="almanac9", source_type="document")
    assert shown.decision["grounds"]["calibration"] == 1
    assert outcomes()[0].outcome is Outcome.SAME


def test_one_tenants_thresholds_are_not_anothers(agent, space, other_tenant, monkeypatch):
    quick(monkeypatch, 3)
    known(agent, space)
    recalibrate()
    with tenant_scope(other_tenant):
        assert versions() == []
        assert recalibrate() is None
    assert versions() == [(1, 3)]


def test_the_command_needs_no_database_for_a_saved_decision(agent, space, tmp_path):
    known(agent, space)
    file, empty = tmp_path / "decisions.jsonl", tmp_path / "data"
    file.write_text("".join(json.dumps(each.to_json()) + "\n" for each in bundles()))
    empty.mkdir()
    command = [sys.executable, "-m", "memwrit.cli", "guard", "replay", "--json", "--bundle", str(file)]
    bare = {"MEMWRIT_DATA": str(empty), "PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, env=bare, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["outcome"] for line in done.stdout.splitlines()] == ["same"] * 3
    assert list(empty.iterdir()) == []
    file.write_text(file.read_text().replace('"single-source"', '"high-impact"'))
    assert subprocess.run(command, env=bare, capture_output=True, timeout=120, check=False).returncode == 1
