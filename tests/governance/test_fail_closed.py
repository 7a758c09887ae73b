"""Whatever breaks in judging, a memory is held: never lost, never served, and its record says why."""

import pytest

from foundation.kernel.problems import Unavailable
from foundation.kernel.scope import tenant_transaction
from foundation.rest.etags import etag
from foundation.search.embedders import embedder
from governance import judging, selectors
from governance.models import Admission
from governance.services.admit import admit, admit_many
from governance.services.review import approve
from governance.services.revise import Revision, revise
from governance.services.search import Question, search
from guard.services import judge
from guard.types import Decision
from tests.governance.builders import drain, submission

TEXT = "The red kettle stands on the stove."


def broken(*_args, **_kwargs):
    raise MemoryError("content must not be told: kettle")


@pytest.fixture(params=["encoder", "judge", "lessons", "evidence of the judge"])
def failing(request, monkeypatch):
    place, name, reason = {
        "encoder": (type(embedder()), "embed", "embedder-unavailable"),
        "judge": (judging, "judge_case", "guard-unavailable"),
        "lessons": (judging, "matches", "guard-unavailable"),
        "evidence of the judge": (judge, "opposition", "guard-unavailable"),
    }[request.param]
    with monkeypatch.context() as patched:
        patched.setattr(place, name, broken)
        yield reason


def found(agent):
    return [each.memory.payload.content for each in search(agent, question=Question("Where is the kettle?")).found]


def test_a_memory_is_held_and_kept_whatever_fails(agent, space, failing, caplog):
    shown = admit(agent, submission=submission(space, TEXT))
    assert (shown.admission.state, shown.decision["decision"]) == ("held", Decision.HOLD)
    assert failing in shown.decision["reasons"]
    assert shown.memory.payload.content == TEXT
    assert "MemoryError" in caplog.text
    assert "kettle" not in caplog.text


def test_a_batch_is_held_whole_and_nothing_of_it_lost(agent, space, failing):
    outcomes = admit_many(agent, submissions=[submission(space, f"Kettle {number} is red.") for number in range(4)])
    assert {each.admission.state for each in outcomes} == {"held"}


def test_what_was_held_for_a_failure_is_served_once_a_person_approves_it(agent, space, officer, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(type(embedder()), "embed", broken)
        shown = admit(agent, submission=submission(space, TEXT))
    drain()
    assert found(agent) == []
    approve(officer, admission_id=shown.admission.id, reason="The encoder was down.")
    drain()
    assert found(agent) == [TEXT]


def test_a_revision_that_could_not_be_embedded_is_kept_as_it_was_cleared(agent, space, officer, monkeypatch):
    first = admit(agent, submission=submission(space, TEXT)).memory.cube
    change = Revision(etag(first.version, first.rev), {"content": "{{Ana}} took the kettle."})
    with monkeypatch.context() as patched:
        patched.setattr(type(embedder()), "embed", broken)
        held = revise(agent, memory_id=first.id, revision=change)
    assert "embedder-unavailable" in held.decision["reasons"]
    approve(officer, admission_id=held.admission.id, reason="The encoder was down.")
    content = selectors.memory(officer, memory_id=first.id).memory.payload.content
    assert content.startswith("<PERSON_")
    assert "Ana" not in content


def test_what_was_never_cleared_of_personal_data_is_not_served_by_approval(agent, space, officer):
    shown = admit(agent, submission=submission(space, "{{late}} kettle"))
    with pytest.raises(Unavailable):
        approve(officer, admission_id=shown.admission.id, reason="Looks fine.")
    with tenant_transaction():
        assert Admission.objects.get().state == "held"
    assert selectors.memory(officer, memory_id=shown.memory.cube.id).memory.cube.state == "held"
