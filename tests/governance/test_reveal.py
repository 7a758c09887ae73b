"""Values are put back at reading for whom the policy names, span by span; everybody else sees tokens."""

import json
from uuid import UUID

import pytest

from audit.selectors import detail
from foundation.kernel.problems import Erased, RateLimited, Validation
from foundation.kernel.scope import tenant_transaction
from foundation.keyring import keys
from foundation.rest.etags import etag
from governance import selectors
from governance.services.admit import admit, admit_many
from governance.services.reveal import reveal
from governance.services.revise import Revision, revise
from governance.services.rollback import roll_back
from governance.services.search import Question, search
from governance.services.spaces import create_space, update_space
from guard.models import PseudonymReveal, PseudonymUse, PseudonymValue
from guard.pii.entities import Entity
from guard.pii.policy import Action, Mode, Rule
from guard.pii.pseudonyms import TOKEN, pseudonym
from guard.services.pii_policies import Terms, create_pii_policy
from tests.governance.builders import admitted, drain, submission
from tests.governance.conftest import principal


def token(name, entity=Entity.PERSON):
    return pseudonym(keys.named("pseudonym"), entity, name)


def seen(who, shown, **how):
    return selectors.memory(who, memory_id=shown.memory.cube.id, **how).memory.seen


def content(who, shown):
    return seen(who, shown).content


def rows(model):
    with tenant_transaction():
        return list(model.objects.all())


def governed(admin, *rules, default=Action.PSEUDONYMISE, name="p"):
    """A space of its own under these rules."""
    policy, _ = create_pii_policy(admin, name=name, terms=Terms(Mode.STRICT, default, rules))
    return create_space(admin, name=name, pii_policy_id=policy.id)


def patched(who, shown, **changes):
    done = revise(who, memory_id=shown.memory.cube.id, revision=Revision("*", changes))
    drain()
    return done


def test_an_agent_reads_the_name_and_everyone_else_its_token(agent, admin, officer, space, tenant):
    shown = admitted(agent, space, "{{Ana}} takes the window.")
    assert shown.memory.seen.content == "{{Ana}} takes the window."
    assert shown.memory.payload.content == f"{token('{{Ana}}')} takes the window."
    assert content(agent, shown) == "{{Ana}} takes the window."
    reader = principal(tenant, "reader", space.id)
    for other in (admin, officer, reader):
        assert content(other, shown) == f"{token('{{Ana}}')} takes the window."


def test_the_writer_of_a_memory_that_he_may_not_see_through_is_answered_in_tokens(admin, space):
    shown = admitted(admin, space, "{{Ana}} takes the window.")
    assert shown.memory.seen.content == f"{token('{{Ana}}')} takes the window."


def test_names_metadata_episode_and_speaker_are_put_back_too(agent, admin, space):
    shown = admitted(
        agent,
        space,
        "{{Ana}} and {{Bob}}{{Cleo}}.",
        speaker="{{Dora}}",
        metadata={"{{Eve}}": "with {{Finn}}", "plain": "{{Gus}}", "count": 3},
        episode={"question": "Where is {{Hal}}?", "outcome": "Here."},
    )
    told = seen(agent, shown)
    assert told.content == "{{Ana}} and {{Bob}}{{Cleo}}."
    assert told.provenance.speaker == "{{Dora}}"
    assert told.metadata == {"{{Eve}}": "with {{Finn}}", "plain": "{{Gus}}", "count": 3}
    assert told.episode == {"question": "Where is {{Hal}}?", "outcome": "Here."}
    hidden = json.dumps([seen(admin, shown).metadata, seen(admin, shown).episode, seen(admin, shown).content])
    assert "{{" not in hidden
    assert token("{{Eve}}").strip("<>") in hidden


def test_a_token_that_somebody_typed_stays_a_token(agent, space):
    admitted(agent, space, "{{Ana}} takes the window.")
    typed = admitted(agent, space, f"{token('{{Ana}}')} takes the aisle, says {{{{Bob}}}}.")
    assert content(agent, typed) == f"{token('{{Ana}}')} takes the aisle, says {{{{Bob}}}}."


def test_each_record_gets_back_the_spelling_it_came_with(agent, space):
    first = admitted(agent, space, "{{Ana Diaz}} called.")
    second = admitted(agent, space, "{{ANA  DIAZ}} called, then {{Ana Diaz}}.")
    assert token("{{Ana Diaz}}") == token("{{ANA  DIAZ}}")
    assert content(agent, first) == "{{Ana Diaz}} called."
    assert content(agent, second) == "{{ANA  DIAZ}} called, then {{Ana Diaz}}."


def test_every_way_of_reading_puts_values_back(agent, admin, space):
    first = admitted(agent, space, "{{Ana}} plays the violin.")
    patched(agent, first, content="{{Ana}} plays the cello with {{Bob}}.")
    memory_id = first.memory.cube.id
    one = selectors.version(agent, memory_id=memory_id, number=1)
    assert one.memory.seen.content == "{{Ana}} plays the violin."
    (listed,) = [each for each in _list(agent) if each.memory.cube.id == memory_id]
    assert listed.memory.seen.content == "{{Ana}} plays the cello with {{Bob}}."
    (change,) = selectors.diff(agent, memory_id=memory_id, numbers=[1, 2])
    assert (change["from"], change["to"]) == ("{{Ana}} plays the violin.", "{{Ana}} plays the cello with {{Bob}}.")
    (change,) = selectors.diff(admin, memory_id=memory_id, numbers=[1, 2])
    assert change["from"] == f"{token('{{Ana}}')} plays the violin."


def _list(who):
    from governance.timeline import PRESENT

    return selectors.memories(who, space_id=None, state=None, moment=PRESENT, after=None, limit=50)


def test_a_batch_answers_each_writer_as_he_may_see(agent, space):
    shown = admit_many(agent, submissions=[submission(space, f"{{{{Ana}}}} is number {n}.") for n in range(3)])
    assert [each.memory.seen.content for each in shown] == [f"{{{{Ana}}}} is number {n}." for n in range(3)]
    assert len(rows(PseudonymValue)) == 1
    assert len(rows(PseudonymUse)) == 3


def test_a_question_with_the_name_finds_the_memory_and_is_answered_as_the_asker_may_see(agent, admin, officer, space):
    admitted(agent, space, "{{Ana}} takes the window.")
    admitted(agent, space, "{{Bob}} takes the aisle.")
    for who, name in ((agent, "{{Bob}}"), (admin, token("{{Bob}}")), (officer, token("{{Bob}}"))):
        found = search(who, question=Question("What does {{Bob}} take?")).found
        assert found[0].memory.seen.content == f"{name} takes the aisle."


def test_the_log_counts_what_was_revealed_and_holds_no_value(agent, admin, space):
    shown = admitted(agent, space, "{{Ana}} and {{Bob}} play.")
    read = selectors.memory(agent, memory_id=shown.memory.cube.id)
    found = search(agent, question=Question("play"))
    blind = selectors.memory(admin, memory_id=shown.memory.cube.id)
    drain()
    told = [_detail(each.receipt["event_id"]) for each in (read, found, blind)]
    assert [each["revealed"] for each in told] == [2, 2, 0]
    assert "Ana" not in json.dumps(told)


def _detail(event_id):
    with tenant_transaction():
        return detail(UUID(event_id))[1]


def test_the_policy_in_force_at_reading_decides_by_entity_and_path(agent, admin, tenant):
    rule = Rule(Action.PSEUDONYMISE, Entity.PERSON, "/content", ("reader",))
    space = governed(admin, rule)
    writer = principal(tenant, "agent", space.id)
    reader = principal(tenant, "reader", space.id)
    shown = admitted(writer, space, "{{Ana}} is here.", metadata={"note": "{{Ana}} again"})
    assert shown.memory.seen == shown.memory.payload
    assert content(writer, shown) == f"{token('{{Ana}}')} is here."
    assert seen(reader, shown).content == "{{Ana}} is here."
    assert seen(reader, shown).metadata == {"note": f"{token('{{Ana}}')} again"}
    default = update_space(admin, space_id=space.id, if_match="*", changes={"pii_policy_id": None})
    assert default.pii_policy_id is None
    assert content(reader, shown) == f"{token('{{Ana}}')} is here."
    assert content(writer, shown) == "{{Ana}} is here."


@pytest.mark.parametrize("action", [Action.REDACT, Action.MASK, Action.HASH, Action.KEEP])
def test_only_pseudonyms_enter_the_vault(admin, action):
    space = governed(admin, Rule(action, Entity.PERSON))
    admitted(admin, space, "{{Ana}} is here.")
    assert rows(PseudonymValue) == []


def test_a_refused_memory_leaves_nothing_in_the_vault(agent, space):
    from foundation.kernel.problems import Rejected

    with pytest.raises(Rejected):
        admit(agent, submission=submission(space, "{{Ana}} said\U000e0041\U000e0042\U000e0043"))
    assert rows(PseudonymValue) == rows(PseudonymUse) == []


@pytest.fixture
def holding(monkeypatch):
    """The guard holds whatever it is asked."""
    from dataclasses import replace

    from governance import judging
    from guard.types import Decision

    judge = judging.judge_case

    def hold(*args):
        return replace(judge(*args), decision=Decision.HOLD, reasons=("claim-conflict",))

    monkeypatch.setattr(judging, "judge_case", hold)


def test_what_waits_for_review_shows_its_values_to_its_writer_alone(admin, officer, tenant, holding):
    space = governed(admin, Rule(Action.PSEUDONYMISE, Entity.PERSON, None, ("agent", "admin", "compliance")))
    writer = principal(tenant, "agent", space.id)
    shown = admit(writer, submission=submission(space, "{{Ana}} is here."))
    assert shown.held
    assert shown.memory.seen.content == content(writer, shown) == "{{Ana}} is here."
    assert content(admin, shown) == content(officer, shown) == f"{token('{{Ana}}')} is here."


def test_an_agent_that_sends_back_what_it_read_keeps_the_tokens(agent, admin, space):
    first = admitted(agent, space, "{{Ana}} plays.", metadata={"friend": "{{Bob}}"}, speaker="{{Cleo}}")
    before = seen(admin, first)
    patched(agent, first, content=content(agent, first), metadata=seen(agent, first).metadata)
    after = seen(admin, first)
    assert (after.content, after.metadata, after.provenance.speaker) == (
        before.content,
        before.metadata,
        before.provenance.speaker,
    )
    assert seen(agent, first).content == "{{Ana}} plays."
    assert seen(agent, first).metadata == {"friend": "{{Bob}}"}
    assert seen(agent, first).provenance.speaker == "{{Cleo}}"


def test_a_known_value_is_covered_in_a_revision_whatever_the_recognisers_think(agent, admin, space, monkeypatch):
    first = admitted(agent, space, "{{Ana}} plays.", metadata={"friend": "{{Bob}}"})
    monkeypatch.setattr("tests.governance.plain._findings", lambda _: [])
    patched(agent, first, content="So {{Ana}} stopped.")
    assert content(admin, first) == f"So {token('{{Ana}}')} stopped."
    assert seen(admin, first).metadata == {"friend": token("{{Bob}}")}
    assert content(agent, first) == "So {{Ana}} stopped."


def test_who_sees_tokens_may_correct_a_text_without_losing_the_names(agent, admin, space):
    first = admitted(agent, space, "{{Ana}} plys.", metadata={"note": "{{Bob}}"})
    patched(admin, first, content=f"{token('{{Ana}}')} plays, not {token('{{Bob}}')}.")
    assert content(agent, first) == f"{{{{Ana}}}} plays, not {token('{{Bob}}')}."  # Bob stood at another path
    assert seen(agent, first).metadata == {"note": "{{Bob}}"}


def test_labels_alone_change_no_token(agent, admin, space):
    first = admitted(agent, space, "{{Ana}} plays.")
    assert patched(agent, first, labels=["team:red"]).memory.seen.content == "{{Ana}} plays."
    assert patched(admin, first, labels=[]).memory.seen.content == f"{token('{{Ana}}')} plays."


def test_a_revision_that_could_not_be_cleared_keeps_its_tokens_where_it_was_not_touched(agent, admin, space):
    first = admitted(agent, space, "{{Ana}} plays.", metadata={"friend": "{{Bob}}"})
    held = patched(agent, first, content="{{late}} text")
    assert held.held
    with tenant_transaction():
        from governance import opening

        (row,) = opening.rows([(first.memory.cube.id, 2)])
    assert opening.unseal([row])[0].payload.metadata == {"friend": token("{{Bob}}")}


def test_a_rollback_takes_up_the_values_too(agent, admin, space):
    first = admitted(agent, space, "{{Ana}} plays.")
    patched(agent, first, content="Nobody plays.")
    roll_back(admin, memory_id=first.memory.cube.id, if_match="*", to_version=1, reason="Wrong.")
    drain()
    assert content(agent, first) == "{{Ana}} plays."
    assert content(admin, first) == f"{token('{{Ana}}')} plays."


def test_compliance_reveals_one_value_for_a_reason(agent, officer, space):
    shown = admitted(agent, space, "{{Ana}} plays with {{Bob}}.")
    found = reveal(officer, memory_id=shown.memory.cube.id, token=token("{{Bob}}"), reason="Case {{Ana}} zebra")
    assert (found.value, found.span["path"], found.version) == ("{{Bob}}", "/content", 1)
    (told,) = rows(PseudonymReveal)
    assert (told.principal_id, str(told.id)) == (officer.id, found.receipt["event_id"])
    assert b"zebra" not in bytes(told.sealed_reason)
    from governance.sealed import open_text

    secret = keys.open_one(shown.memory.version.id)
    assert open_text(secret, f"reveal:{told.id}:reason", told.sealed_reason) == "Case {{Ana}} zebra"


def test_a_token_out_of_another_memory_reveals_nothing(agent, officer, space):
    admitted(agent, space, "{{Ana}} plays.")
    other = admitted(agent, space, f"{token('{{Ana}}')} is typed; {{{{Bob}}}} is not.")
    with pytest.raises(Validation):
        reveal(officer, memory_id=other.memory.cube.id, token=token("{{Ana}}"), reason="r")
    assert rows(PseudonymReveal) == []


def test_what_has_no_way_back_is_said_to_have_none(admin, officer):
    space = governed(admin, Rule(Action.HASH, Entity.PERSON))
    shown = admitted(admin, space, "{{Ana}} plays.")
    hashed = TOKEN.search(shown.memory.payload.content)[0]
    with pytest.raises(Validation) as refused:
        reveal(officer, memory_id=shown.memory.cube.id, token=hashed, reason="r")
    assert refused.value.errors[0].code == "irreversible"


def test_revealing_is_slow(agent, officer, space, settings):
    settings.REVEAL_RATE = (3, 1)
    shown = admitted(agent, space, "{{Ana}} plays.")
    for _ in range(3):
        reveal(officer, memory_id=shown.memory.cube.id, token=token("{{Ana}}"), reason="r")
    with pytest.raises(RateLimited) as refused:
        reveal(officer, memory_id=shown.memory.cube.id, token=token("{{Ana}}"), reason="r")
    assert 0 < refused.value.retry_after <= 60


def test_a_forgotten_value_cannot_be_revealed(agent, officer, space):
    from tests.governance.test_forget import forget

    admitted(agent, space, "{{Ana}} plays.", subjects=("crm:1",))
    shown = admitted(agent, space, "I know {{Ana}}.")
    assert content(agent, shown) == "I know {{Ana}}."
    forget(officer, subject="crm:1")
    assert content(agent, shown) == f"I know {token('{{Ana}}')}."
    with pytest.raises(Erased):
        reveal(officer, memory_id=shown.memory.cube.id, token=token("{{Ana}}"), reason="r")


def test_an_etag_is_the_same_for_everyone(agent, admin, space):
    shown = admitted(agent, space, "{{Ana}} plays.")
    tags = {
        etag(each.memory.cube.version, each.memory.cube.rev)
        for each in (selectors.memory(who, memory_id=shown.memory.cube.id) for who in (agent, admin))
    }
    assert len(tags) == 1
