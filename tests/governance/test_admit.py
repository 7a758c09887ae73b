"""Admission: what is written, what is read back, what is refused."""

from uuid import uuid4

import pytest
from django.db import connections

from foundation.kernel.problems import Integrity, NotFound, PolicyDenied, Problem, QuotaExceeded, Rejected, Validation
from foundation.kernel.scope import tenant_scope, tenant_transaction
from governance import selectors
from governance.models import Admission, MemCube, Subject, Version
from governance.services.admit import admit, admit_many
from guard.models import Voice
from tests.governance.builders import admitted, submission
from tests.governance.conftest import principal


def count(model):
    with tenant_transaction():
        return model.objects.count()


def test_an_admitted_memory_reads_back(agent, space):
    shown = admitted(agent, space, "The red kettle stands on the stove.", metadata={"channel": "web"}, speaker="user")
    again = selectors.memory(agent, memory_id=shown.memory.cube.id)
    assert again.memory.payload == shown.memory.payload
    assert again.memory.payload.metadata == {"channel": "web"}
    assert (again.decision["decision"], again.memory.cube.state) == ("admit", "active")


def test_no_column_holds_what_was_written(agent, space, superuser):
    admitted(
        agent,
        space,
        "zebracanary",
        metadata={"k": "metacanary"},
        source="sourcecanary",
        subjects=("subjectcanary",),
        session="sessioncanary",
    )
    text = ""
    for (table,) in superuser.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall():
        text += str(superuser.execute(f'SELECT * FROM "{table}"').fetchall())
    assert str(space.id) in text  # the search itself works
    assert [
        word for word in ("zebracanary", "metacanary", "sourcecanary", "subjectcanary", "sessioncanary") if word in text
    ] == []


def test_marked_persons_are_tokens_for_everyone_and_the_same_ones_everywhere(agent, space):
    first = admitted(agent, space, "{{Ana}} likes the aisle seat.")
    second = admitted(agent, space, "The aisle seat is what {{Ana}} likes.")
    token = first.memory.payload.content.split()[0]
    assert token.startswith("<PERSON_")
    assert token in second.memory.payload.content
    assert first.decision["redactions"][0] | {"end": 0} == {
        "type": "PERSON",
        "path": "/content",
        "start": 0,
        "end": 0,
        "action": "pseudonymise",
    }


def test_hidden_characters_are_refused_and_nothing_is_kept(agent, space):
    with pytest.raises(Rejected) as refused:
        admit(agent, submission=submission(space, "Hello\U000e0041\U000e0042\U000e0043 there"))
    assert (
        refused.value.extra["admission"]["reasons"] == ["hidden-unicode"]
        or "hidden-unicode" in refused.value.extra["admission"]["reasons"]
    )
    assert refused.value.extra["receipt"]["event_id"]
    assert count(MemCube) == count(Version) == count(Admission) == 0


def test_what_could_not_be_cleared_is_held_and_not_lost(agent, space, admin):
    shown = admit(agent, submission=submission(space, "{{late}} text"))
    assert (shown.memory.cube.state, shown.held) == ("held", True)
    assert "pii-timeout" in shown.decision["reasons"]
    stranger = principal(agent.tenant_id, "agent", space.id)
    with pytest.raises(NotFound):
        selectors.memory(stranger, memory_id=shown.memory.cube.id)
    assert selectors.memory(admin, memory_id=shown.memory.cube.id).memory.payload.content == "{{late}} text"


def test_a_batch_answers_item_by_item_and_one_refusal_leaves_the_others(agent, space, admin):
    from governance.services.spaces import create_space

    elsewhere = create_space(admin, name="elsewhere")
    parts = [
        submission(space, "one"),
        submission(elsewhere, "two"),
        submission(space, "th\U000e0041\U000e0042ree"),
        submission(space, "four"),
    ]
    first, second, third, fourth = admit_many(agent, submissions=parts)
    assert first.memory.payload.content == "one"
    assert isinstance(second, NotFound)
    assert isinstance(third, Rejected)
    assert fourth.memory.payload.content == "four"
    assert count(MemCube) == 2


def test_another_tenants_space_is_not_there(agent, space, other_tenant):
    stranger = principal(other_tenant, "admin")
    with tenant_scope(other_tenant), pytest.raises(NotFound):
        admit(stranger, submission=submission(space))


def test_a_reader_may_not_write(tenant, space):
    with pytest.raises(PolicyDenied):
        admit(principal(tenant, "reader", space.id), submission=submission(space))


def test_subjects_are_found_by_name_and_never_made_twice(agent, space):
    one = admitted(agent, space, subjects=("crm:1", "crm:2"))
    two = admitted(agent, space, subjects=("crm:1",))
    assert set(two.memory.cube.subject_ids) < set(one.memory.cube.subject_ids)
    assert count(Subject) == 2


def test_a_derived_memory_names_its_parents_and_inherits_their_subjects(agent, space):
    parent = admitted(agent, space, subjects=("crm:1",))
    with pytest.raises(Validation):
        admit(agent, submission=submission(space, source_type="derived"))
    child = admitted(agent, space, "Kettles are red.", source_type="derived", parents=((parent.memory.cube.id, 1),))
    assert child.memory.cube.subject_ids == parent.memory.cube.subject_ids
    with pytest.raises(Validation):
        admit(agent, submission=submission(space, parents=((parent.memory.cube.id, 2),)))


def test_a_quota_holds_and_nothing_is_written_beyond_it(agent, space, admin):
    from tenants.models import Resource
    from tenants.services.set_quota import set_quota

    set_quota(admin, resource=Resource.MEMORIES, ceiling=1, if_match="*")
    admit(agent, submission=submission(space))
    with pytest.raises(QuotaExceeded):
        admit(agent, submission=submission(space))
    assert count(MemCube) == 1


def test_what_fails_half_way_leaves_no_row(agent, space, monkeypatch):
    monkeypatch.setattr("governance.services.admit.link_parents", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        admit(agent, submission=submission(space))
    assert count(MemCube) == count(Version) == 0


def test_a_record_restricted_to_a_role_is_not_there_for_others(agent, space, officer):
    shown = admitted(agent, space, labels=("acl:compliance",))
    assert selectors.memory(officer, memory_id=shown.memory.cube.id).memory.cube.labels == ["acl:compliance"]
    with pytest.raises(Problem):
        selectors.memory(agent, memory_id=shown.memory.cube.id)


@pytest.mark.parametrize("source", ["chat:1", "chat:new"])
def test_a_memory_takes_few_statements_to_be_written(agent, space, source):
    """The transaction that writes: the use, the rows by two, and all that is written beside them."""
    admitted(agent, space)
    texts = []

    def watch(execute, sql, params, many, context):
        texts.extend([sql] if not sql.startswith("NOTIFY") else [])  # the sequencer is woken now and then
        return execute(sql, params, many, context)

    with connections["default"].execute_wrapper(watch):
        admit(agent, submission=submission(space, "The blue kettle stands in the cupboard.", source=source))
    written = texts[next(number for number, text in enumerate(texts) if "tenants_quota" in text) :]
    assert len(written) == 4, written
    assert any('INSERT INTO "guard_voice"' in text for text in texts) is (source == "chat:new")


def test_a_new_voice_is_noted_once(agent, space):
    for text in ("The red kettle stands on the stove.", "The blue kettle stands in the cupboard."):
        admitted(agent, space, text, source="chat:new")
    with tenant_transaction():
        assert Voice.objects.count() == 1


def test_a_policy_that_is_missing_stops_admission(agent, space, tenant, superuser):
    superuser.execute("UPDATE governance_space SET pii_policy_id = %s WHERE id = %s", [uuid4(), space.id])
    with pytest.raises(Integrity):
        admit(agent, submission=submission(space))
