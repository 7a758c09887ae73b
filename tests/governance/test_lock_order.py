"""Who decides about a record that a rollback is at waits for it: neither is chosen to break a deadlock."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event

import pytest
from django.db import connections

from foundation.kernel.models import WorkItem
from foundation.kernel.problems import AlreadyDecided, Unavailable
from foundation.kernel.scope import tenant_scope, tenant_transaction
from foundation.search.embedders import embedder
from governance.models import Admission
from governance.rollbacks import doing
from governance.services import judge_again
from governance.services.admit import admit
from governance.services.review import approve, reject
from governance.services.run_rollback import run_rollback
from tests.governance.builders import admitted, submission
from tests.governance.test_rollbacks import KETTLE, MOVED, credential, execute, planned, ref

LONG = 60


class Pause:
    """Where somebody stops until he is let go on."""

    def __init__(self) -> None:
        self.reached, self._go = Event(), Event()

    def stop(self) -> None:
        self.reached.set()
        assert self._go.wait(LONG)

    def end(self) -> None:
        self._go.set()


@pytest.fixture
def officer(admin):
    return credential(admin, "compliance")


@pytest.fixture
def agent(admin, space):
    return credential(admin, "agent", space.id)


@pytest.fixture
def bad(agent, space):
    return admitted(agent, space, KETTLE, source="chat:bad")


@pytest.fixture
def beside(tenant):
    """Begins something in a thread of its own, with the tenant in scope."""

    def run(what, *args, **named):
        try:
            with tenant_scope(tenant):
                return what(*args, **named)
        finally:
            connections.close_all()

    with ThreadPoolExecutor() as pool:
        yield lambda *args, **named: pool.submit(run, *args, **named)


@pytest.fixture
def undoing(beside, officer, monkeypatch):
    """Begins to undo what came from `chat:bad`, and stops when it has locked the record of `at`."""

    def begin(at) -> tuple[Future, Pause]:
        plan, pause, whole = planned(officer, source="chat:bad"), Pause(), doing._apply
        execute(officer, plan)
        with tenant_transaction():
            WorkItem.objects.filter(kind="rollback.run").delete()

        def apply(rollback, item, cube, means):
            if cube.id == at.memory.cube.id:
                pause.stop()
            whole(rollback, item, cube, means)

        monkeypatch.setattr(doing, "_apply", apply)
        rollback = beside(run_rollback, plan.rollback.id)
        assert pause.reached.wait(LONG)
        return rollback, pause

    return begin


def until_one_waits(superuser):
    """Returns once somebody waits for another's lock."""
    ends = time.monotonic() + LONG
    while not superuser.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone():
        assert time.monotonic() < ends, "nobody waits"
        time.sleep(0.05)


@pytest.mark.parametrize(("decide", "at"), [(approve, "parent"), (approve, "child"), (reject, "child")])
def test_a_review_of_what_a_rollback_is_at_waits_for_it(
    agent, space, officer, bad, beside, undoing, superuser, decide, at
):
    child = admit(agent, submission=submission(space, MOVED, source_type="document", parents=(ref(bad),)))
    assert child.held
    rollback, pause = undoing(bad if at == "parent" else child)
    review = beside(decide, officer, admission_id=child.admission.id, reason="Seen.")
    until_one_waits(superuser)
    pause.end()
    assert rollback.result(LONG).state == "done"
    assert isinstance(review.exception(LONG), AlreadyDecided)


def test_what_is_judged_again_while_a_rollback_is_at_its_parent_waits_for_it(
    agent, space, bad, beside, undoing, superuser, monkeypatch
):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(type(embedder()), "embed", lambda *_: 1 / 0)
        child = admit(agent, submission=submission(space, "Somebody has a kettle.", parents=(ref(bad),)))
    with tenant_transaction():
        waiting = Admission.objects.get(id=child.admission.id, waits=True)
    judged, whole = Pause(), judge_again._unchanged
    monkeypatch.setattr(judge_again, "_unchanged", lambda case: judged.stop() or whole(case))
    judging = beside(judge_again.judge_again, [{"admission": str(waiting.id), "version": str(waiting.version_id)}])
    assert judged.reached.wait(LONG)
    rollback, pause = undoing(bad)
    judged.end()
    until_one_waits(superuser)
    pause.end()
    assert rollback.result(LONG).state == "done"
    assert isinstance(judging.exception(LONG), Unavailable)
