"""One person: found by name, counted, exported whole and signed, with nothing of anybody else."""

from __future__ import annotations

import json

import pytest

from audit import verifier
from audit.acts import Act
from audit.evidence import Refused, verify_certificate, verify_export
from audit.notes import Verifier
from audit.origin import certificate_signer, log_verifier
from audit.selectors import Filter, events
from foundation.kernel.problems import Erased, NotFound, PolicyDenied
from foundation.kernel.scope import tenant_scope, tenant_transaction
from governance import subjects
from governance.services import export_subject as exporting
from governance.services.export_subject import export_subject
from governance.services.place_hold import place_hold
from governance.services.search import Question, search
from governance.services.spaces import update_space
from guard.pii.policy import Action, Mode
from guard.services.pii_policies import Terms, create_pii_policy
from tests.governance.builders import admitted, drain
from tests.governance.conftest import principal
from tests.governance.test_forget import forget, planned


def exported(officer, name="crm:1"):
    """The export's text."""
    return b"".join(export_subject(officer, subject_id=subjects.find(officer, name))).decode()


def read(text):
    """(head, records, end)."""
    head, *records, end = (json.loads(line) for line in text.splitlines())
    return head, records, end


def test_a_person_is_found_by_name_and_counted(agent, space, officer):
    shown = admitted(agent, space, "{{Ana}} plays.", subjects=("crm:1",))
    admitted(agent, space, "Both play.", subjects=("crm:1", "crm:2"), kind="semantic")
    place_hold(officer, name="Case", basis="audit", subject="crm:1")
    plan = planned(officer, subject="crm:1")
    found = subjects.subject(officer, subjects.find(officer, "crm:1"))
    assert found.id == shown.memory.cube.subject_ids[0]
    assert (found.name, found.records, found.versions, found.states) == ("crm:1", 2, 2, {"active": 2})
    assert (found.spaces, len(found.holds), found.requests[0].id) == ({space.id: 2}, 1, plan.request.id)
    with pytest.raises(NotFound):
        subjects.find(officer, "crm:unknown")
    elsewhere = principal(agent.tenant_id, "compliance", officer.id)
    with pytest.raises(NotFound):  # who reaches none of the records does not learn that there is anybody
        subjects.subject(elsewhere, found.id)
    with pytest.raises(NotFound):
        subjects.find(elsewhere, "crm:1")
    within = principal(agent.tenant_id, "compliance", space.id)
    assert subjects.subject(within, subjects.find(within, "crm:1")).records == 2


def test_an_export_is_whole_and_verifies_offline(agent, space, officer):
    shown = admitted(agent, space, "{{Ana}} plays the violin.", subjects=("crm:1",), metadata={"channel": "web"})
    admitted(agent, space, "Bob plays.", subjects=("crm:2",))
    search(agent, question=Question("violin"))
    drain()
    text = exported(officer)
    head, (record,), end = read(text)
    assert (head["external_id"], record["record"]) == ("crm:1", str(shown.memory.cube.id))
    (version,) = record["versions"]
    assert (version["content"], version["metadata"]) == ("{{Ana}} plays the violin.", {"channel": "web"})
    assert version["provenance"]["source"] == "chat:1"
    assert [(each["how"], each["by"], each["version"]) for each in record["reads"]] == [("search", str(agent.id), 1)]
    assert (end["certificate"]["records"], end["certificate"]["withheld"]) == (1, 0)
    for key in (log_verifier(), Verifier.parse(certificate_signer().verifier.vkey)):
        assert verify_export(text, [key])["records"] == 1
    told = officer.id, "subject.export"
    with tenant_transaction():
        done = [each.event for each in events(Filter(act=Act.SUBJECT_EXPORT), before=None, limit=10)]
    assert [(each.actor.id, each.act.value) for each in done] == [told] * 3
    assert {str(each.id) for each in done[:2]} == set(end["certificate"]["events"])


def test_the_command_verifies_a_file(agent, space, officer, tmp_path, capsys):
    admitted(agent, space, "Ana plays.", subjects=("crm:1",))
    whole, broken = tmp_path / "whole.jsonl", tmp_path / "broken.jsonl"
    whole.write_text(exported(officer))
    broken.write_text(whole.read_text()[:-100])
    key = log_verifier().vkey
    assert verifier.main(["export", str(whole), "--key", key]) == verifier.VERIFIED
    assert verifier.main(["export", str(broken), "--key", key]) == verifier.REFUSED
    assert "records 1" in capsys.readouterr().out


def test_an_export_that_was_changed_is_refused(agent, space, officer):
    admitted(agent, space, "Ana plays.", subjects=("crm:1",))
    admitted(agent, space, "Ana sings.", subjects=("crm:1",))
    text, other = exported(officer), exported(officer, "crm:1")
    lines, others = text.splitlines(keepends=True), other.splitlines(keepends=True)
    wrong = [
        "",
        text.replace("plays", "plaid"),
        "".join([*lines[:1], *lines[2:]]),
        "".join([lines[0], lines[2], lines[1], lines[3]]),
        "".join(lines[:-1]),
        "".join([*lines[:-1], others[-1]]),
        text + "\n",
    ]
    verify_export(text, [log_verifier()])
    for each in wrong:
        with pytest.raises(Refused):
            verify_export(each, [log_verifier()])
    with pytest.raises(Refused):
        verify_certificate(json.loads(lines[-1]), [log_verifier()])


def test_nothing_of_other_people_is_told(agent, space, officer):
    admitted(agent, space, "{{Bob}} sings.", subjects=("crm:2",))
    admitted(agent, space, "{{Ana}} knows {{Bob}}.", subjects=("crm:1",))
    admitted(agent, space, "{{Ana}} married {{Cleo}}.", subjects=("crm:1", "crm:3"))
    text = exported(officer)
    assert "Bob" not in text
    assert "Cleo" not in text
    assert "crm:2" not in text
    assert "crm:3" not in text
    _, records, _ = read(text)
    assert [each["other_subjects"] for each in records] == [0, 1]
    assert all("<PERSON_" in each["versions"][0]["content"] for each in records)


def test_who_may_reveal_nothing_exports_tokens(agent, space, officer, admin):
    admitted(agent, space, "{{Ana}} sings.", subjects=("crm:1",))
    assert "{{Ana}}" in exported(officer)
    assert "Ana" not in exported(admin)


def test_where_names_stay_in_the_clear_a_memory_about_several_is_withheld(agent, space, officer, admin):
    kept = Terms(Mode.BALANCED, Action.KEEP, ())
    policy_id = create_pii_policy(admin, name="as it is", terms=kept)[0].id
    update_space(admin, space_id=space.id, if_match="*", changes={"pii_policy_id": policy_id})
    admitted(agent, space, "{{Ana}} married {{Cleo}}.", subjects=("crm:1", "crm:3"))
    admitted(agent, space, "{{Ana}} sings.", subjects=("crm:1",))
    _, records, end = read(exported(officer))
    assert [each["versions"][0]["content"] for each in records] == ["{{Ana}} sings."]
    assert end["certificate"]["withheld"] == 1


def test_the_persons_own_values_are_told_and_what_others_own_too_is_not(agent, space, officer):
    admitted(agent, space, "{{Ana}} sings.", subjects=("crm:1",))
    admitted(agent, space, "{{Bob}} sings.", subjects=("crm:2",))
    admitted(agent, space, "{{Ana}} knows {{Bob}}.", subjects=("crm:1",))
    alone, with_bob = (each["versions"][0]["content"] for each in read(exported(officer))[1])
    assert alone == "{{Ana}} sings."
    assert with_bob.startswith("{{Ana}} knows <PERSON_")


def test_an_export_goes_in_batches_and_leaves_out_what_the_asker_may_not_see(agent, space, officer, monkeypatch):
    monkeypatch.setattr(exporting, "BATCH", 2)
    for number in range(3):
        admitted(agent, space, f"Ana has kettle {number}.", subjects=("crm:1",))
    admitted(agent, space, "For admins.", subjects=("crm:1",), labels=("acl:admin",))
    text = exported(officer)
    _, records, end = read(text)
    assert (len(records), end["certificate"]["withheld"], "For admins" in text) == (3, 1, False)
    assert len(end["certificate"]["events"]) == 3
    verify_export(text, [log_verifier()])


def test_who_does_not_reach_everything_exports_nothing(agent, space, officer, admin):
    shown = admitted(agent, space, "Ana plays.", subjects=("crm:1",))
    subject_id = shown.memory.cube.subject_ids[0]
    bound = principal(agent.tenant_id, "compliance", space.id)
    for who in (agent, principal(agent.tenant_id, "auditor"), bound):
        with pytest.raises(PolicyDenied):
            export_subject(who, subject_id=subject_id)
    with pytest.raises(NotFound):
        export_subject(officer, subject_id=space.id)
    forget(officer, subject="crm:1")
    with pytest.raises(Erased):
        export_subject(officer, subject_id=subject_id)
    found = subjects.subject(officer, subject_id)
    assert (found.name, found.records, found.erased_at is not None) == (None, 0, True)


def test_another_tenants_person_is_nobody(agent, space, officer, database):
    from tenants.services.create_tenant import create_tenant

    shown = admitted(agent, space, "Ana plays.", subjects=("crm:1",))
    there = create_tenant(name="There").key.tenant_id
    with tenant_scope(there):
        stranger = principal(there, "compliance")
        with pytest.raises(NotFound):
            subjects.find(stranger, "crm:1")
        for ask in (subjects.subject, lambda who, id: export_subject(who, subject_id=id)):
            with pytest.raises(NotFound):
                ask(stranger, shown.memory.cube.subject_ids[0])
