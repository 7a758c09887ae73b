"""Returned context: the turns around a hit, judged, permitted and receipted as hits are."""

from datetime import timedelta

import pytest

from foundation.kernel import clock
from foundation.kernel.scope import tenant_transaction
from governance.models import RetrievalHit
from governance.selectors import retrieval
from governance.services.admit import admit
from governance.services.revise import Revision, revise
from governance.services.search import Question, search
from governance.services.spaces import create_space
from governance.services.withdraw import withdraw
from governance.surroundings import FARTHEST
from governance.timeline import Moment
from tests.governance.builders import admitted, drain, submission
from tests.governance.conftest import principal

TURNS = ("Did you hear?", "The violin is sold.", "To whom?", "To a man from Pisa.", "A pity.")


@pytest.fixture
def turns(agent, space):
    made = [said(agent, space, text, position) for position, text in enumerate(TURNS)]
    drain()
    return made


def said(who, space, text, position, **fields):
    return admit(who, submission=submission(space, text, **{"session": "s-1", "position": position, **fields}))


def beside(who, query="violin", *, context=1, **fields):
    """What came with the first hit, and the whole answer."""
    answer = search(who, question=Question(query, k=1, context=context, **fields))
    found = answer.beside.get(answer.found[0].memory.place, [])
    return [each.memory.payload.content for each in found], answer


def test_the_turns_before_and_after_come_in_order(turns, agent):
    assert beside(agent)[0] == ["Did you hear?", "To whom?"]
    assert beside(agent, context=3)[0] == ["Did you hear?", "To whom?", "To a man from Pisa.", "A pity."]
    assert beside(agent, context=0)[0] == []


def test_the_receipt_and_the_way_back_name_the_neighbours_too(turns, agent, tenant):
    _, answer = beside(agent)
    row, _ = retrieval(principal(tenant, "auditor"), retrieval_id=answer.retrieval_id)
    ids = [str(each.memory.cube.id) for each in (turns[1], turns[0], turns[2])]
    assert [hit[0] for hit in row.hits] == ids
    assert [hit[2] for hit in row.hits] == [1, 1, 1]
    assert [hit[4:] for hit in row.hits] == [[], ["context"], ["context"]]
    with tenant_transaction():
        found = RetrievalHit.objects.filter(retrieval_id=answer.retrieval_id)
        assert {str(each.memcube_id) for each in found} == set(ids)


def test_what_was_withdrawn_or_is_another_sessions_or_spaces_does_not_come(turns, agent, admin, space):
    withdraw(agent, memory_id=turns[2].memory.cube.id, if_match="*")
    other = create_space(admin, name="other")
    said(admin, other, "Another space's turn.", 2)
    said(agent, space, "Another session's turn.", 2, session="s-2")
    drain()
    assert beside(admin)[0] == beside(agent)[0] == ["Did you hear?"]


def test_a_neighbour_the_asker_may_not_read_is_withheld_and_counted(turns, agent, space, tenant):
    said(principal(tenant, "admin"), space, "For the board alone.", 2, labels=("acl:admin",))
    drain()
    texts, answer = beside(agent)
    assert "For the board alone." not in texts
    assert "For the board alone." in beside(principal(tenant, "admin"))[0], "the control"
    assert retrieval(principal(tenant, "auditor"), retrieval_id=answer.retrieval_id)[0].withheld == 1


def test_a_neighbour_is_as_it_stood_at_the_moment_asked_for(turns, agent):
    then = clock.now()
    with clock.frozen(then + timedelta(hours=1)):
        revise(agent, memory_id=turns[2].memory.cube.id, revision=Revision("*", {"content": "Sold to whom?"}))
        drain()
        assert beside(agent)[0] == ["Did you hear?", "Sold to whom?"]
        assert beside(agent, moment=Moment(known_at=then))[0] == ["Did you hear?", "To whom?"]


def test_asking_for_neighbours_changes_no_hit(turns, agent):
    plain, with_them = (search(agent, question=Question("violin Pisa", k=3, context=n)) for n in (0, FARTHEST))
    told = [
        [(each.memory.place, each.fused, each.standing, each.trust) for each in one.found] for one in (plain, with_them)
    ]
    assert told[0] == told[1]


def test_a_memory_without_a_session_has_no_neighbours(agent, space):
    admitted(agent, space, "A violin alone.", position=1)
    assert beside(agent)[0] == []
