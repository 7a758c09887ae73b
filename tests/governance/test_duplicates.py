"""What a source says again is kept and not indexed twice; what changes a value, or another says, stands for itself."""

import pytest

from foundation.kernel.scope import tenant_transaction
from foundation.search.engine import engine
from governance.duplicates import said
from governance.models import LineageEdge, MemCube, Version
from governance.opening import rows, unseal
from governance.services.search import Question, search
from governance.services.spaces import create_space
from governance.services.withdraw import withdraw
from tests.governance.builders import admitted
from tests.governance.conftest import principal

TEXT = "The violin was sold for 300 euros in Pisa."


@pytest.fixture
def space(admin):
    return create_space(admin, name="merging", merge_duplicates=True)


def states(*shown):
    return [each.memory.cube.state for each in shown]


def hits(who):
    return {each.memory.cube.id for each in search(who, question=Question("violin sold")).found}


def test_the_same_said_again_is_merged_kept_and_not_indexed_twice(agent, space):
    first, again = admitted(agent, space, TEXT), admitted(agent, space, "the violin  was sold for 300 euros in Pisa.")
    assert states(first, again) == ["active", "merged"]
    assert hits(agent) == {first.memory.cube.id}
    with tenant_transaction():
        assert engine().holding([again.memory.cube.id]) == set()
        assert engine().holding([first.memory.cube.id]) == {first.memory.cube.id}, "the control"
        edge = LineageEdge.objects.get(child_id=again.memory.cube.id)
        assert (edge.parent_id, edge.parent_version) == first.memory.place
        kept = rows([again.memory.place])
    assert unseal(kept)[0].payload.provenance == again.memory.payload.provenance


@pytest.mark.parametrize(
    "changed",
    [
        "The violin was sold for 3000 euros in Pisa.",
        "The violin was not sold for 300 euros in Pisa.",
        "The violin wasn't sold for 300 euros in Pisa.",
        "The violin was sold for 300 euros in Rome.",
        "The violin is sold for 300 euros in Pisa.",
        "The violin was sold for -300 euros in Pisa.",
        "The violin was sold for 300 euros in Pisa. Never mind.",
        "The Violin was sold for 300 euros in Pisa.",
    ],
)
def test_what_changes_a_value_is_another_memory(agent, space, changed):
    assert states(admitted(agent, space, TEXT), admitted(agent, space, changed))[1] != "merged"
    assert said(TEXT) != said(changed)


def test_who_did_it_to_whom_is_not_merged_away():
    assert said("Ana paid Bob 1.5 kg, at 12:30.") != said("Bob paid Ana 1.5 kg, at 12:30.")
    assert said("It costs 1.5.") != said("It costs 15.")
    assert said("<PERSON_k3f9x2mq7a> met us.") != said("<PERSON_aaaaaaaaaa> met us.")
    assert said("x > 3") != said("x < 3")
    assert said("$5 off") != said("5% off")
    assert said("The violin, sold.") == said("the violin sold")
    assert said("A seat. The aisle!") == said("a  seat \u2013 the aisle")


@pytest.mark.parametrize(
    "other",
    [
        {"source": "chat:2"},
        {"session": "s-2"},
        {"position": 7},
        {"labels": ("sensitivity:internal",)},
        {"subjects": ("crm:1",)},
        {"metadata": {"channel": "web"}},
    ],
)
def test_another_source_place_label_or_subject_stands_for_itself(agent, space, other):
    assert states(admitted(agent, space, TEXT), admitted(agent, space, TEXT, **other)) == ["active", "active"]


def test_another_writer_and_another_space_stand_for_themselves(agent, admin, space, tenant):
    first = admitted(agent, space, TEXT)
    other = create_space(admin, name="elsewhere", merge_duplicates=True)
    colleague = principal(tenant, "agent", space.id)
    assert states(first, admitted(colleague, space, TEXT), admitted(admin, other, TEXT)) == ["active"] * 3


def test_a_withdrawn_record_takes_nothing_in(agent, space):
    first = admitted(agent, space, TEXT)
    withdraw(agent, memory_id=first.memory.cube.id, if_match="*")
    assert states(admitted(agent, space, TEXT)) == ["active"]


def test_a_space_merges_only_where_it_says_so(admin):
    plain = create_space(admin, name="plain")
    assert states(admitted(admin, plain, TEXT), admitted(admin, plain, TEXT)) == ["active", "active"]
    with tenant_transaction():
        assert MemCube.objects.count() == Version.objects.count() == 2
