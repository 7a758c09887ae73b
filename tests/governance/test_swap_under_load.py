"""Writers, searchers and an eraser at work while the index is swapped: nobody notices, and nothing comes back."""

import threading
import time
from collections import Counter
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import connections

from foundation.kernel import outbox
from foundation.kernel.problems import Erased
from foundation.kernel.scope import tenant_scope, tenant_transaction
from foundation.keyring import keys
from foundation.search import generations
from foundation.search import index as door
from foundation.search.engine import engine
from foundation.search.models import Swap
from governance import index_guard, indexing
from governance.services import swap_index
from governance.services.admit import admit
from governance.services.search import Question, search
from tests.governance.builders import admitted, drain, submission
from tests.governance.swapping import OTHER, finish, numbers
from tests.governance.test_forget import forget

PAUSE = 0.1  # seconds between two acts of one thread: a load, and not a race the swap cannot win
WORDS = ("kettle", "violin", "ticket", "invoice", "garden", "bridge", "coffee", "letter", "river", "doctor", "lamp")


def text(number):
    one, other = WORDS[number % len(WORDS)], WORDS[number // len(WORDS) % len(WORDS)]
    return f"Entry {number} tells of a {one} and the {other} code{number}x."


class Load:
    """Threads that work until told to stop. What goes wrong in one of them is kept and raised at the end."""

    def __init__(self, tenant):
        self.tenant, self.stop = tenant, threading.Event()
        self.errors, self.threads, self.counts = [], [], Counter()

    def run(self, name, act):
        def loop():
            try:
                with tenant_scope(self.tenant):
                    while not self.stop.wait(PAUSE):
                        act()
                        self.counts[name] += 1
            except Exception as error:
                self.errors.append((name, error))
            finally:
                connections.close_all()

        self.threads.append(threading.Thread(target=loop, name=name))
        self.threads[-1].start()

    def until(self, reached, seconds=240):
        end = time.monotonic() + seconds
        while not reached() and not self.errors and time.monotonic() < end:
            time.sleep(0.05)

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join(60)
        if self.errors:
            raise self.errors[0][1]


@contextmanager
def watched(monkeypatch):
    """Which generation answered each search, as the engine saw it."""
    asked, kind = Counter(), type(engine())
    searched = kind.search

    def seen(self, plan):
        hits = searched(self, plan)
        asked[plan.generation] += 1
        return hits

    with monkeypatch.context() as patched:
        patched.setattr(kind, "search", seen)
        yield asked


@pytest.fixture
def at_work(tenant, agent, space, officer, settings, monkeypatch):
    """Runs a swap to its end while four threads work; returns how often each generation was asked."""
    settings.EMBEDDERS = [OTHER]
    settings.INDEX_DRAIN = timedelta(seconds=1)
    monkeypatch.setattr(indexing, "CHUNK", 4)

    def run(records, **asked):
        stable = [admitted(agent, space, text(at), source=f"s:{at % 7}").memory.cube.id for at in range(records)]
        doomed = [
            admitted(agent, space, f"Secret violin of guest{at}x.", subjects=(f"crm:{at}",), source="d")
            for at in range(3)
        ]
        gone, written, turn = set(), [], Counter()
        load = Load(tenant)

        def write():
            at = 1000 + turn["write"]
            turn["write"] += 1
            shown = admit(agent, submission=submission(space, text(at), source=f"w:{at % 5}"))
            if not shown.held:
                written.append((at, shown.memory.cube.id))

        def look():
            at = turn["look"] % records
            turn["look"] += 1
            answer = search(agent, question=Question(text(at), k=5))
            assert stable[at] in {each.memory.cube.id for each in answer.found}, f"record {at} was missed"

        def look_for_the_erased():
            was_gone = set(gone)
            answer = search(agent, question=Question("guest0x guest1x guest2x secret violin", k=20))
            assert was_gone.isdisjoint(each.memory.cube.id for each in answer.found)

        def work():
            outbox.run_due()

        with watched(monkeypatch) as seen:
            for name, act in (("write", write), ("look", look), ("erased", look_for_the_erased), ("work", work)):
                load.run(name, act)
            try:
                swap = swap_index.begin(Swap.Cause.OPERATOR, **asked)
                for at, shown in enumerate(doomed):
                    forget(officer, subject=f"crm:{at}")
                    gone.add(shown.memory.cube.id)
                load.until(lambda: swap_index.latest().state not in swap_index.OPEN)
            finally:
                load.end()
        drain()
        done = finish(swap)
        return done, stable, [shown.memory.cube.id for shown in doomed], written, seen, load.counts

    return run


def check(outcome, agent, old=1, new=2):
    """Whatever the embedder: one generation is left, it holds what is served and no more, and the old key is gone."""
    done, stable, doomed, written, seen, counts = outcome
    assert done.state == "done"
    assert numbers() == [new]
    assert set(seen) == {old, new}, "both were asked while it went on, and no third"
    assert min(counts[name] for name in ("write", "look", "erased")) > 3
    with tenant_transaction():
        assert not engine().holding(doomed)
        assert engine().holding([*stable, *(cube_id for _, cube_id in written)]) == {
            *stable,
            *(cube_id for _, cube_id in written),
        }
        assert engine().parity(generations.live()[0], indexing.MEMORY, list(indexing.expected())).holds
    for at, cube_id in written[-5:]:
        assert cube_id in {each.memory.cube.id for each in search(agent, question=Question(text(at), k=5)).found}
    with pytest.raises(Erased):
        keys.named("index", str(old))
    assert not door.opens(generations.numbered(old))


def test_a_re_key_under_load(at_work, agent):
    outcome = at_work(24)
    check(outcome, agent)
    assert outcome[0].embedded == 0


def test_an_embedder_swap_under_load(at_work, agent):
    outcome = at_work(24, embedder=OTHER)
    check(outcome, agent)
    assert outcome[0].embedded >= 24


def test_a_swap_on_opensearch_under_load(on_opensearch, at_work, agent):
    check(at_work(12, embedder=OTHER), agent)


def test_a_searcher_who_planned_before_the_switch_is_answered_by_the_old_one(agent, space, settings):
    """Positive control of the drain: without it the same question fails."""
    from foundation.kernel.problems import Unavailable

    admitted(agent, space, text(1))
    for drain_for, answered in ((timedelta(minutes=1), True), (timedelta(0), False)):
        settings.INDEX_DRAIN = drain_for
        plan = door.plan("code1x", spaces=None, roles=index_guard._ROLES)
        begun = swap_index.begin(Swap.Cause.OPERATOR)
        for _ in range(10):
            swap_index.work_on(begun.id)
        with tenant_transaction():
            if answered:
                assert engine().search(plan)
            else:
                with pytest.raises(Unavailable):
                    engine().search(plan)
        settings.INDEX_DRAIN = timedelta(0)
        finish(begun)
