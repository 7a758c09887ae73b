"""Whatever was written before: after a rollback nothing served is bad or was made from what is bad, what could be kept
says what it said, and everything else is untouched. The taint is worked out again here, by a model of its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from foundation.kernel.scope import tenant_transaction
from foundation.rest.etags import etag
from governance import opening
from governance.models import MemCube, Version
from governance.rollbacks.models import Rollback
from governance.services.admit import admit
from governance.services.execute_rollback import execute_rollback
from governance.services.plan_rollback import Wanted, plan_rollback
from governance.services.revise import Revision, revise
from governance.services.rollback import roll_back
from governance.services.search import Question, search
from tests.governance.builders import drain, submission
from tests.governance.conftest import principal
from tests.governance.test_rollbacks import credential

Place = tuple[UUID, int]
NUMBERS = st.integers(min_value=0, max_value=99)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("admit"), st.booleans(), st.lists(NUMBERS, max_size=3)),
        st.tuples(st.just("revise"), st.booleans(), NUMBERS),
        st.tuples(st.just("undo"), NUMBERS, NUMBERS),
    ),
    min_size=3,
    max_size=12,
)


@dataclass
class Story:
    """Who wrote what, and from what: versions with their inputs, and those that the bad writer wrote."""

    space: object
    good: object
    bad: object
    officer: object
    cubes: list[UUID] = field(default_factory=list)
    inputs: dict[Place, set[Place]] = field(default_factory=dict)
    chosen: set[Place] = field(default_factory=set)
    count: int = 0

    def text(self) -> str:
        self.count += 1
        return f"Parcel {self.count} went to the depot in Arlow on shelf {self.count}."

    def admit(self, is_bad: bool, chosen: list[int]) -> None:
        parents = {
            (cube.id, cube.version) for number in chosen if (cube := self.cube(number)) and cube.state == "active"
        }
        part = submission(self.space, self.text(), parents=tuple(sorted(parents)))
        shown = admit(self.bad if is_bad else self.good, submission=part)
        self.cubes.append(shown.memory.cube.id)
        self.wrote((shown.memory.cube.id, 1), parents, is_bad)

    def revise(self, is_bad: bool, number: int) -> None:
        cube = self.cube(number)
        if cube is None or cube.state != "active":
            return
        base, who = (cube.id, cube.version), self.bad if is_bad else self.good
        change = Revision(etag(cube.version, cube.rev), {"content": self.text()})
        revise(who, memory_id=cube.id, revision=change)
        with tenant_transaction():
            newest = Version.objects.filter(memcube_id=cube.id).order_by("-number").first().number
        kept = {place for place in self.inputs[cube.id, cube.version] if place[0] != cube.id}
        self.wrote((cube.id, newest), kept | {base}, is_bad)

    def undo(self, number: int, to: int) -> None:
        cube = self.cube(number)
        if cube is None or cube.state != "active" or cube.version == 1:
            return
        shown = roll_back(
            self.officer,
            memory_id=cube.id,
            if_match=etag(cube.version, cube.rev),
            to_version=self._served(cube, to),
            reason="Undone.",
        )
        target = (cube.id, shown.memory.version.reverts_to)
        self.inputs[cube.id, shown.memory.version.number] = {target}

    def wrote(self, place: Place, inputs: set[Place], is_bad: bool) -> None:
        self.inputs[place] = inputs
        if is_bad:
            self.chosen.add(place)

    def cube(self, number: int) -> MemCube | None:
        if not self.cubes:
            return None
        with tenant_transaction():
            return MemCube.objects.get(id=self.cubes[number % len(self.cubes)])

    def _served(self, cube: MemCube, to: int) -> int:
        from governance.timeline import served_from

        with tenant_transaction():
            numbers = list(served_from([cube.id])[cube.id])
        return numbers[to % len(numbers)]

    def tainted(self) -> set[Place]:
        found = set(self.chosen)
        while more := {place for place, inputs in self.inputs.items() if inputs & found} - found:
            found |= more
        return found


def headers() -> dict[UUID, tuple]:
    with tenant_transaction():
        return {cube.id: (cube.rev, cube.state, cube.version, bytes(cube.mac)) for cube in MemCube.objects.all()}


def contents(places: set[Place]) -> dict[Place, str]:
    with tenant_transaction(snapshot=True):
        rows = opening.rows(sorted(places))
    return {memory.place: memory.payload.content for memory in opening.unseal(rows)}


@pytest.fixture
def officer(admin):
    return credential(admin, "compliance")


@settings(
    max_examples=6,
    derandomize=True,
    database=None,
    phases=[Phase.generate],  # to shrink a story of this kind takes minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=STEPS)
def test_after_a_rollback_nothing_served_is_bad_and_nothing_else_has_changed(tenant, space, officer, steps):
    good, bad = principal(tenant, "agent", space.id), principal(tenant, "agent", space.id)
    story = Story(space, good, bad, officer)
    story.admit(True, [])
    for name, *told in steps:
        getattr(story, name)(*told)
    before, tainted = headers(), story.tainted()
    said = contents({(cube_id, version) for cube_id, (_, _, version, _) in before.items()} | set(story.inputs))

    plan = plan_rollback(officer, wanted=Wanted(writer_id=bad.id), reason="Compromised.")
    assert set(plan.plan.places) == tainted
    execute_rollback(officer, rollback_id=plan.rollback.id, expected_manifest=plan.rollback.manifest)
    drain()

    after = headers()
    with tenant_transaction():
        assert Rollback.objects.get(id=plan.rollback.id).state == "done"
        copied = {(row.memcube_id, row.number): row.reverts_to for row in Version.objects.exclude(reverts_to=None)}
    for cube_id, (_, state, version, _) in after.items():
        was = before[cube_id]
        if was[1] != "active" or (cube_id, was[2]) not in tainted:
            if was[1] == "active":
                assert after[cube_id] == was  # what is served was clean: not touched at all
        elif state == "active":
            target = (cube_id, copied[cube_id, version])
            assert target not in tainted
            assert contents({(cube_id, version)})[cube_id, version] == said[target]
    for found in search(good, question=Question("parcel depot shelf", k=50)).found:
        assert found.memory.place not in tainted
    again = plan_rollback(officer, wanted=Wanted(writer_id=bad.id), reason="Once more.", dry_run=True)
    assert {each.action for each in again.plan.undoings} <= {"hold"}  # what waits for a person, waits
