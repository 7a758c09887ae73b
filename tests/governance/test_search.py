"""Search through the whole way: indexed by the outbox, judged again at reading, receipted."""

from datetime import timedelta

import pytest

from foundation.kernel import clock
from foundation.kernel.problems import Integrity, NotFound
from foundation.kernel.scope import tenant_scope, tenant_transaction
from governance import selectors
from governance.models import MemCube, Retrieval
from governance.services.revise import Revision, revise
from governance.services.search import Question, search
from governance.services.withdraw import withdraw
from governance.timeline import Moment
from guard import sameness
from tests.governance.builders import admitted, drain
from tests.governance.conftest import principal

pytestmark = pytest.mark.usefixtures("either_engine")


def found(who, query, **fields):
    return [each.memory.payload.content for each in search(who, question=Question(query, **fields)).found]


def test_the_best_answer_comes_first(agent, space):
    admitted(agent, space, "The kettle is on the stove.")
    admitted(agent, space, "Ana plays the violin on Sundays.")
    assert found(agent, "Who plays the violin?")[0] == "Ana plays the violin on Sundays."


def test_a_person_is_found_by_name_though_the_name_is_nowhere(agent, space):
    admitted(agent, space, "{{Ana}} takes the window.")
    admitted(agent, space, "{{Bob}} takes the aisle.")
    assert found(agent, "What does {{Bob}} take?")[0].endswith("takes the aisle.")


def test_a_search_hands_out_a_receipt_without_query_or_content(agent, space, tenant):
    shown = admitted(agent, space, "Ana plays the violin.")
    answer = search(agent, question=Question("violin"))
    row, withheld = selectors.retrieval(principal(tenant, "auditor"), retrieval_id=answer.retrieval_id)
    assert row.hits == [[str(shown.memory.cube.id), 1, 1, answer.found[0].standing.value]]
    assert (withheld, row.principal_id) == (True, agent.id)
    with tenant_transaction():
        assert "violin" not in str(Retrieval.objects.values())


def test_spaces_out_of_reach_are_not_searched_and_not_named(agent, admin, space, tenant):
    from governance.services.spaces import create_space

    other = create_space(admin, name="other")
    admitted(admin, other, "The violin is secret.")
    assert found(agent, "violin") == []
    assert found(admin, "violin") == ["The violin is secret."]
    with pytest.raises(NotFound):
        search(agent, question=Question("violin", spaces=(other.id,)))


def test_another_tenant_finds_nothing(agent, space, other_tenant):
    admitted(agent, space, "Ana plays the violin.")
    stranger = principal(other_tenant, "admin")
    with tenant_scope(other_tenant):
        assert found(stranger, "violin") == []


def test_what_is_withdrawn_revised_or_held_is_not_found(agent, space):
    gone = admitted(agent, space, "A violin was sold.")
    changed = admitted(agent, space, "A violin was bought.")
    withdraw(agent, memory_id=gone.memory.cube.id, if_match="*")
    revise(agent, memory_id=changed.memory.cube.id, revision=Revision("*", {"content": "A cello was bought."}))
    assert "A violin was sold." not in found(agent, "violin sold")  # before the index has caught up
    drain()
    assert found(agent, "violin bought") == ["A cello was bought."]


def test_filters_narrow(agent, space):
    admitted(agent, space, "The violin of Ana.", subjects=("crm:1",), kind="semantic", labels=("team:red",))
    admitted(agent, space, "The violin of Bob.", subjects=("crm:2",))
    assert found(agent, "violin", subjects=("crm:1",)) == ["The violin of Ana."]
    assert found(agent, "violin", kinds=("semantic",)) == ["The violin of Ana."]
    assert found(agent, "violin", labels=("team:red",)) == ["The violin of Ana."]
    assert found(agent, "violin", subjects=("crm:unknown",)) == []


def test_k_bounds_the_answer(agent, space):
    for number in range(5):
        admitted(agent, space, f"Violin number {number} hangs on the wall.")
    assert len(found(agent, "violin", k=3)) == 3


def test_the_past_is_searched_as_it_was_known(agent, space):
    start, moved = clock.now() - timedelta(days=60), clock.now() - timedelta(days=30)
    shown = admitted(agent, space, "She lives in London.", valid_from=start)
    before = clock.now()
    revise(
        agent,
        memory_id=shown.memory.cube.id,
        revision=Revision("*", {"content": "She lives in Paris.", "valid_from": moved}),
    )
    drain()
    assert found(agent, "where does she live") == ["She lives in Paris."]
    assert found(agent, "where does she live", moment=Moment(known_at=before)) == ["She lives in London."]
    assert found(agent, "where does she live", moment=Moment(as_of=moved - timedelta(days=1))) == [
        "She lives in London."
    ]
    assert found(agent, "where does she live", moment=Moment(known_at=start)) == []


def test_an_id_that_only_the_index_knows_is_an_integrity_error(agent, space, superuser):
    shown = admitted(agent, space, "Ana plays the violin.")
    _erase_row(superuser, shown.memory.cube.id)
    with pytest.raises(Integrity):
        found(agent, "violin")


def _erase_row(superuser, cube_id):
    superuser.execute("SET session_replication_role = replica")  # past every trigger and foreign key
    superuser.execute("DELETE FROM governance_memcube WHERE id = %s", [cube_id])
    superuser.execute("SET session_replication_role = origin")


def test_two_independent_sources_settle_what_one_leaves_provisional(agent, space):
    admitted(
        agent, space, "The bridge at Rialto was finished in 1591.", source="https://one.example/a", source_type="web"
    )
    asked = Question("When was the bridge at Rialto finished?")
    assert [each.standing for each in search(agent, question=asked).found] == ["provisional"]
    admitted(
        agent, space, "The bridge at Rialto was finished in 1591.", source="https://two.example/b", source_type="web"
    )
    assert [each.standing for each in search(agent, question=asked).found] == [
        "provisional",
        "provisional",
    ]  # one burst


def test_who_sees_names_is_told_that_two_wordings_of_one_agree(agent, admin, space, tenant):
    other = principal(tenant, "agent", space.id)
    admitted(agent, space, "The tower of Varn was finished by {{Odo Keller}}.", source="a", source_type="web")
    admitted(other, space, "It was {{Keller}} who finished the tower of Varn.", source="b", source_type="web")
    asked = Question("Who finished the tower of Varn?")
    reader = principal(tenant, "reader", space.id)
    assert [each.standing for each in search(agent, question=asked).found] == ["settled"] * 2
    assert sameness.words_of.cache_info().currsize == 0  # of names nothing is kept
    assert "settled" not in [each.standing for each in search(reader, question=asked).found]
    assert sameness.words_of.cache_info().currsize > 0


def test_a_record_that_the_database_hides_is_not_served_from_the_index(agent, space):
    shown = admitted(agent, space, "Ana plays the violin.")
    with tenant_transaction():
        from audit.acts import Act
        from governance import lifecycle

        cube = lifecycle.lock(shown.memory.cube.id)
        lifecycle.change(cube, act=Act.MEMORY_FREEZE, principal=agent, frozen=True)
        assert MemCube.objects.get(id=cube.id).frozen
    assert found(agent, "violin") == []
