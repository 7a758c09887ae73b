"""Helper processes are killed and replaced singly, and end with their parent."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from guard.pii.port import PiiUnavailable, Reason
from guard.pii.workers import Limits, Pool

MODULE = "tests.guard.pii.scripted_worker"
ROOT = Path(__file__).resolve().parents[3]
LIMITS = Limits(job=2.0, start=60.0, queue=30.0)


def pool_of(size=1, limits=LIMITS, **config):
    return Pool(MODULE, config, size=size, limits=limits)


@pytest.fixture
def pool():
    made = pool_of()
    yield made
    made.close()


def echo(pool, text="x"):
    return pool.run({"do": "echo", "text": text})


def reason_of(pool, **job):
    with pytest.raises(PiiUnavailable) as caught:
        pool.run(job)
    return caught.value.reason


def gone(pid, seconds=5.0):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid):
            return True
        time.sleep(0.05)
    return False


def test_a_worker_answers_and_is_used_again(pool):
    assert echo(pool, "Grüße \N{GRINNING FACE}")["said"] == "Grüße \N{GRINNING FACE}"
    assert echo(pool)["pid"] == echo(pool)["pid"] != os.getpid()


def test_no_process_starts_before_the_first_job():
    before = len(psutil.Process().children())
    pool_of()
    assert len(psutil.Process().children()) == before


def test_a_job_that_takes_too_long_is_killed_and_the_next_one_works(pool):
    pid = echo(pool)["pid"]
    assert reason_of(pool, do="sleep", seconds=60) is Reason.TIMEOUT
    assert gone(pid)
    assert echo(pool)["pid"] != pid


def test_a_backtracking_match_cannot_outlive_its_limit(pool):
    echo(pool)
    assert reason_of(pool, do="backtrack") is Reason.TIMEOUT
    assert echo(pool)["said"] == "x"


def test_a_time_out_kills_only_its_own_worker():
    pool = pool_of(size=2)
    pids = {answer["pid"] for answer in pool.run_many([{"do": "echo", "text": str(n)} for n in range(8)])}
    assert len(pids) == 2
    hanging = threading.Thread(target=lambda: reason_of(pool, do="sleep", seconds=60))
    hanging.start()
    time.sleep(0.3)
    survivor = echo(pool)["pid"]
    hanging.join()
    assert survivor in pids
    assert survivor in {answer["pid"] for answer in pool.run_many([{"do": "echo", "text": ""}] * 8)}
    pool.close()


def test_a_worker_that_dies_makes_the_job_unavailable_and_is_replaced(pool):
    assert reason_of(pool, do="die") is Reason.CRASH
    assert echo(pool)["said"] == "x"


def test_a_worker_killed_from_outside_is_replaced(pool):
    psutil.Process(echo(pool)["pid"]).kill()
    time.sleep(0.2)
    assert echo(pool)["said"] == "x"


def test_an_exception_crosses_the_pipe_as_a_reason_alone(pool):
    pid = echo(pool)["pid"]
    with pytest.raises(PiiUnavailable) as caught:
        pool.run({"do": "raise"})
    assert "canary" not in repr(caught.value) + str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.reason is Reason.CRASH
    assert echo(pool)["pid"] == pid  # an exception is no reason to pay for another start


def test_a_refusal_keeps_its_reason_and_its_worker(pool):
    pid = echo(pool)["pid"]
    assert reason_of(pool, do="refuse") is Reason.LANGUAGE
    assert echo(pool)["pid"] == pid


def test_a_batch_loses_only_the_jobs_that_fail(pool):
    jobs = [{"do": "echo", "text": "a"}, {"do": "die"}, {"do": "sleep", "seconds": 60}, {"do": "echo", "text": "b"}]
    first, dead, late, last = pool.run_many(jobs)
    assert (first["said"], last["said"]) == ("a", "b")
    assert (dead.reason, late.reason) == (Reason.CRASH, Reason.TIMEOUT)


def test_a_batch_over_several_workers_keeps_its_order():
    pool = pool_of(size=2)
    answers = pool.run_many([{"do": "echo", "text": str(n)} for n in range(25)])
    assert [answer["said"] for answer in answers] == [str(n) for n in range(25)]
    pool.close()


def test_a_job_larger_than_a_pipe_passes(pool):
    text = "ä" * 500_000
    assert echo(pool, text)["said"] == text


def test_a_model_that_will_not_load_is_told_and_not_tried_for_every_job():
    pool = pool_of(fail="load", slow_start=5)
    assert reason_of(pool, do="echo", text="") is Reason.MODEL
    began = time.monotonic()
    assert reason_of(pool, do="echo", text="") is Reason.MODEL
    assert time.monotonic() - began < 5, "another start takes as long"


def test_a_worker_that_dies_while_it_starts_is_told():
    assert reason_of(pool_of(fail="die"), do="echo", text="") is Reason.CRASH


def test_a_start_has_a_limit_of_its_own():
    patient = pool_of(limits=Limits(job=0.8, start=60, queue=30), slow_start=1.5)
    assert patient.run({"do": "echo", "text": "x"})["said"] == "x"
    patient.close()
    hasty = pool_of(limits=Limits(job=2, start=0.5, queue=30), slow_start=30)
    assert reason_of(hasty, do="echo", text="") is Reason.TIMEOUT


def test_threads_share_the_workers(pool):
    said = []
    threads = [threading.Thread(target=lambda n=n: said.append(echo(pool, str(n))["said"])) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said, key=int) == [str(n) for n in range(12)]


def test_who_waits_too_long_for_a_worker_is_told_so():
    pool = pool_of(limits=Limits(job=3, start=60, queue=0.3))
    echo(pool)
    hanging = threading.Thread(target=lambda: reason_of(pool, do="sleep", seconds=60))
    hanging.start()
    time.sleep(0.2)
    assert reason_of(pool, do="echo", text="") is Reason.BUSY
    hanging.join()
    pool.close()


def test_a_worker_is_told_nothing_of_the_parents_environment(pool, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "canary")
    assert "DATABASE_URL" not in pool.run({"do": "environment"})["names"]


PARENT = f"""
import sys, time
sys.path[:0] = [{str(ROOT / "platform")!r}, {str(ROOT)!r}]
from guard.pii.workers import Limits, Pool
pool = Pool({MODULE!r}, {{}}, limits=Limits(job=3, start=60, queue=5))
print(pool.run({{"do": "echo", "text": ""}})["pid"], flush=True)
"""


def run_parent(rest):
    return subprocess.Popen([sys.executable, "-c", PARENT + rest], stdout=subprocess.PIPE, text=True)


def test_workers_end_with_a_parent_that_ends():
    parent = run_parent("")
    pid = int(parent.stdout.readline())
    parent.wait(30)
    assert gone(pid)


def test_workers_end_with_a_parent_that_is_killed():
    parent = run_parent("time.sleep(60)")
    pid = int(parent.stdout.readline())
    assert psutil.pid_exists(pid)
    parent.kill()
    parent.wait()
    assert gone(pid)


def test_a_busy_worker_ends_by_its_own_alarm_when_its_parent_is_killed():
    parent = run_parent('pool.run({"do": "backtrack"})')
    pid = int(parent.stdout.readline())
    time.sleep(0.5)
    parent.kill()
    parent.wait()
    assert gone(pid, seconds=12)


def test_a_forked_child_starts_workers_of_its_own():
    rest = """
import os
child = os.fork()
if not child:
    print(pool.run({"do": "echo", "text": ""})["pid"], flush=True)
    sys.exit(0)
os.waitpid(child, 0)
print(pool.run({"do": "echo", "text": ""})["pid"], flush=True)
"""
    parent = run_parent(rest)
    first, childs, again = (int(line) for line in parent.stdout.read().split())
    assert first == again != childs
    parent.wait(30)
    assert gone(childs)
