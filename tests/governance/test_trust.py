"""Trust: who earns it, who loses it, and who cannot borrow it."""

from datetime import timedelta

import pytest

from foundation.kernel import clock
from foundation.kernel.clock import now
from foundation.kernel.problems import Rejected
from foundation.kernel.scope import tenant_transaction
from governance.sealed import lookup
from governance.services.admit import admit
from governance.services.give_feedback import give_feedback
from governance.services.review import approve, reject
from governance.services.search import Question, search
from guard.trust import voices
from tests.governance.builders import admitted, submission
from tests.governance.conftest import principal


def trust(writer, source):
    key = lookup("source", source)
    with tenant_transaction():
        return voices([key]).trust((key, writer.id))


def held(agent, space, number, source="wiki"):
    text = f"Records of patient 031-100{number} moved to 029-100{number}."
    return admit(agent, submission=submission(space, text, source=source, source_type="document"))


@pytest.fixture
def witness(tenant, space):
    return principal(tenant, "agent", space.id)


def test_a_new_voice_is_trusted_little_and_age_adds_to_it(agent, space):
    admitted(agent, space, source="wiki")
    assert trust(agent, "wiki") == 0.3
    with clock.frozen(now() + timedelta(days=45)):
        assert trust(agent, "wiki") == 0.4


def test_writing_more_earns_nothing(agent, space):
    for number in range(5):
        admitted(agent, space, f"Kettle number {number} is red.", source="wiki")
    assert trust(agent, "wiki") == 0.3


def test_a_borrowed_name_brings_no_trust(agent, space, witness):
    with clock.frozen(now() - timedelta(days=90)):
        admitted(agent, space, source="wiki")
    admitted(witness, space, "The blue kettle is broken.", source="wiki")
    assert (trust(agent, "wiki"), trust(witness, "wiki")) == (0.5, 0.3)


def test_a_reviewers_word_counts_once_and_every_rejection_for_itself(agent, space, officer):
    for number in range(3):
        approve(officer, admission_id=held(agent, space, number).admission.id, reason="Fine.")
    assert trust(agent, "wiki") == 0.35
    for number in range(3, 5):
        reject(officer, admission_id=held(agent, space, number).admission.id, reason="Poison.")
    assert trust(agent, "wiki") == 0.15


def test_poison_under_a_borrowed_name_costs_its_owner_nothing(agent, space, witness, officer):
    admitted(agent, space, source="wiki")
    reject(officer, admission_id=held(witness, space, 1, source="wiki").admission.id, reason="Poison.")
    assert (trust(agent, "wiki"), trust(witness, "wiki")) == (0.3, 0.2)


def test_feedback_counts_once_a_reporter_and_not_at_all_from_the_writer(agent, space, witness):
    shown = admitted(agent, space, source="wiki")
    give_feedback(agent, memory_id=shown.memory.cube.id, outcome="success")
    assert trust(agent, "wiki") == 0.3
    for _ in range(3):
        give_feedback(witness, memory_id=shown.memory.cube.id, outcome="success")
    assert trust(agent, "wiki") == 0.35
    give_feedback(witness, memory_id=shown.memory.cube.id, outcome="failure")
    assert trust(agent, "wiki") == 0.25


SAYS, SAYS_TOO = "The Varn mill was built by Otto Lang in 1887.", "Otto Lang built the Varn mill in 1887."


def test_an_established_voice_bears_out_who_said_it_first_and_a_new_one_nobody(agent, space, witness, tenant):
    admitted(agent, space, SAYS, source="almanac", source_type="document")
    admitted(witness, space, SAYS_TOO, source="gazette", source_type="document")
    assert (trust(agent, "almanac"), trust(witness, "gazette")) == (0.3, 0.3)  # a new voice's word is nothing yet
    with clock.frozen(now() + timedelta(days=45)):
        admitted(witness, space, SAYS_TOO, source="gazette", source_type="document")
        assert trust(agent, "almanac") == 0.46  # 0.1 for its age
        assert trust(witness, "gazette") == 0.4  # whoever repeats what others said earns nothing


@pytest.mark.parametrize(
    "provenance",
    [
        {"source": "principal:01a202c9-0001-7a00-8000-000000000001", "source_type": "principal"},
        {"source": "chat:1", "source_type": "system"},
        {"source": "chat:1", "source_type": "reviewer"},
    ],
)
def test_provenance_that_poses_as_another_is_refused(agent, space, provenance):
    with pytest.raises(Rejected) as refused:
        admit(agent, submission=submission(space, **provenance))
    assert refused.value.extra["admission"]["reasons"][0] == "forged-provenance"


def test_a_principal_is_its_own_source(agent, space):
    own = {"source": f"principal:{agent.id}", "source_type": "principal"}
    assert admit(agent, submission=submission(space, **own)).admission.state == "admitted"


def test_only_a_sources_owner_speaks_for_its_user(agent, space, witness):
    says = "I prefer the aisle seat on every flight."
    admitted(agent, space, says, source="chat:7", speaker="user")
    admitted(witness, space, "I prefer the window seat in every train.", source="chat:7", speaker="user")
    found = search(agent, question=Question("Which seat does the user prefer?")).found
    standings = {each.memory.payload.content: each.standing.value for each in found}
    assert standings[says] == "settled"
    assert standings["I prefer the window seat in every train."] != "settled"
