"""From ids to readable memories: what is bound, in which bytes, and what is refused."""

import hashlib
import hmac
from uuid import UUID

import pytest
import rfc8785

from foundation.kernel.problems import Integrity
from foundation.kernel.scope import tenant_transaction
from foundation.keyring import keys
from governance import headers, opening, sealed
from governance.services.admit import admit
from tests.governance.builders import admitted, submission


def millis(at):
    return None if at is None else round(at.timestamp() * 1000)


def read(*places):
    with tenant_transaction(snapshot=True):
        return opening.rows(places)


def opened(*places):
    return [memory.payload.content for memory in opening.unseal(read(*places))]


@pytest.fixture
def family(agent, space):
    """A memory and one that is derived from it."""
    first = admitted(agent, space, "The red kettle stands on the stove.").memory
    second = admitted(
        agent, space, "So the kettle is hot.", source="agent:1", source_type="derived", parents=(first.place,)
    ).memory
    return first, second


@pytest.fixture
def past_everything(superuser):
    superuser.execute("SET session_replication_role = replica")
    yield superuser
    superuser.execute("SET session_replication_role = origin")


def test_a_header_is_authenticated_in_these_bytes_and_no_others(agent, space):
    cube = admitted(agent, space, labels=("b", "a é")).memory.cube
    told = [str(each) for each in (cube.tenant_id, cube.id, cube.space_id, cube.owner_id, cube.kind)]
    told += ["plaintext", 1, "active", 1, ["a é", "b"], [], None, None, None, millis(cube.created_at), False]
    expected = hmac.digest(keys.named("integrity"), rfc8785.dumps(told), hashlib.sha256)[:16]
    assert headers.element(cube) == bytes(cube.mac) == expected


def test_a_payload_is_bound_to_its_place_in_these_bytes_and_no_others(family):
    first, second = family
    [row] = read(second.place)
    cube, version = row.cube, row.version
    told = ["payload", *(str(each) for each in (cube.tenant_id, cube.space_id, cube.id, version.id)), 1]
    told += [cube.kind, "plaintext", [], [bytes(version.source_key).hex(), None, None], [[str(first.cube.id), 1]]]
    told += [None, None, millis(version.recorded_at), None, str(version.principal_id), version.act, None]
    assert sealed.place(cube, version, row.parents, "payload") == rfc8785.dumps([*told, version.generation])


def test_rows_come_in_the_order_asked_and_the_current_version_for_none(family):
    first, second = family
    texts = ["So the kettle is hot.", "The red kettle stands on the stove.", "So the kettle is hot."]
    assert opened((second.cube.id, None), (first.cube.id, 1), (second.cube.id, 1)) == texts
    assert read((UUID(int=1), None), (first.cube.id, None))[0].cube.id == first.cube.id


def test_what_is_read_is_not_verified_until_rows_are_asked_for(family, past_everything):
    first, second = family
    past_everything.execute("UPDATE governance_memcube SET rev = rev + 1 WHERE id = %s", [first.cube.id])
    with tenant_transaction(snapshot=True):
        found = opening.read([first.place, second.place])
        assert found.cubes.keys() == {first.cube.id, second.cube.id}
        with pytest.raises(Integrity):
            opening.rows([first.place], found=found)
        assert [row.version.id for row in opening.rows([second.place], found=found)] == [second.version.id]


@pytest.mark.parametrize("number", [2, None])
def test_a_missing_version_is_an_integrity_error(family, past_everything, number):
    first, _ = family
    if number is None:
        past_everything.execute("DELETE FROM governance_version WHERE memcube_id = %s", [first.cube.id])
    with pytest.raises(Integrity, match="version"):
        read((first.cube.id, number))


@pytest.mark.parametrize("change", ["DELETE FROM", "UPDATE"])
def test_a_version_whose_parents_were_changed_does_not_open(family, past_everything, change):
    first, second = family
    changed = " SET parent_version = 7" if change == "UPDATE" else ""
    past_everything.execute(
        f"{change} governance_lineageedge{changed} WHERE child_id = %s",
        [second.cube.id],
    )
    with pytest.raises(Integrity):
        opened(second.place)
    assert opened(first.place)


def test_nothing_is_admitted_beside_a_neighbour_that_was_changed(agent, space, family, past_everything):
    first, _ = family
    past_everything.execute("UPDATE governance_memcube SET owner_id = gen_random_uuid() WHERE id = %s", [first.cube.id])
    with pytest.raises(Integrity):
        admit(agent, submission=submission(space, "The red kettle stands on the old stove."))
