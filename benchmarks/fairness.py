"""How long one tenant's newly admitted memory takes to be found, alone and while another has very much waiting.

`python -m benchmarks fairness [--pending N] [--samples N] [--mode embedded|valkey] [--workers N]`: JSON lines. One
tenant's backlog is real index work (its own memories, again and again); the other admits one memory at a time and looks
until the index has it. Also the plan that leases: milliseconds a turn, by how much is waiting.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.ground import standing_on_a_cluster
from benchmarks.spine import _submissions, _tenant

MEMORIES = 400
TOLD = (0.5, 0.95)


def run(args: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="bench fairness", description=__doc__)
    parser.add_argument("--pending", type=int, default=100_000)
    parser.add_argument("--samples", type=int, default=60)
    parser.add_argument("--mode", choices=("embedded", "valkey"), default="embedded")
    parser.add_argument("--workers", type=int, default=2, help="processes of the worker (with a broker)")
    parser.add_argument("--leases", action="store_true", help="only the plan that leases")
    asked = parser.parse_args(args)
    with standing_on_a_cluster(EMBEDDER="hash"):
        _leases(asked) if asked.leases else _measure(asked)


def _measure(asked: argparse.Namespace) -> None:
    from memwrit.embedded.postgres import Cluster
    from tests.workers.brokers import Valkey
    from tests.workers.fleet import Fleet, fleet

    noisy, quiet = _tenant("plain"), _tenant("plain")
    data = Path(os.environ["MEMWRIT_DATA"]) / "data"
    ids = _admit(noisy, MEMORIES)
    with ExitStack() as stack:
        broker = Valkey()
        stack.callback(broker.stop)
        if asked.mode == "valkey":
            broker.start()
        processes: Fleet = stack.enter_context(
            fleet(broker, Cluster(data).superuser_url(), concurrency=asked.workers, short=False)
        )
        processes.start_relay(broker=asked.mode == "valkey")
        if asked.mode == "valkey":
            processes.start_worker()
        _settle(noisy[0])
        alone = _visible(quiet, asked.samples)
        _owe(noisy, ids, asked.pending)
        time.sleep(1.0)
        began, before = time.monotonic(), _left(noisy[0])
        beside = _visible(quiet, asked.samples)
        rate = (before - _left(noisy[0])) / (time.monotonic() - began)
    told = {"bench": "fairness", "mode": asked.mode, "workers": asked.workers, "pending": asked.pending}
    for name in ("admit_s", "visible_s"):
        for quantile in TOLD:
            one, two = (_quantile([each[name] for each in times], quantile) for times in (alone, beside))
            told[f"{name}_p{int(quantile * 100)}"] = [round(one, 4), round(two, 4), round(two / one, 2)]
    print(json.dumps(told | {"backlog_per_s": round(rate), "left": _left(noisy[0])}), flush=True)


def _admit(of: Any, count: int) -> list[str]:
    from foundation.kernel.scope import tenant_scope
    from governance.services.admit import admit_many

    tenant, agent, space = of
    with tenant_scope(tenant):
        parts = _submissions(space, count)
        shown = [
            one for start in range(0, count, 100) for one in admit_many(agent, submissions=parts[start : start + 100])
        ]
    return [str(each.memory.cube.id) for each in shown]


def _owe(of: Any, ids: list[str], count: int) -> None:
    from foundation.kernel.outbox import enqueue_many
    from foundation.kernel.scope import tenant_scope, tenant_transaction

    with tenant_scope(of[0]), tenant_transaction():
        for start in range(0, count, 5000):
            refs = [{"id": ids[number % len(ids)]} for number in range(start, min(start + 5000, count))]
            enqueue_many("search.index", refs)


def _visible(of: Any, samples: int) -> list[dict[str, float]]:
    from foundation.kernel.scope import tenant_scope, tenant_transaction
    from governance.indexing import indexed
    from governance.services.admit import admit

    tenant, agent, space = of
    times = []
    with tenant_scope(tenant):
        for part in _submissions(space, samples):
            began = time.monotonic()
            cube_id = admit(agent, submission=part).memory.cube.id
            admitted = time.monotonic()
            while True:
                with tenant_transaction():
                    if indexed([cube_id]):
                        break
                time.sleep(0.002)
            times.append({"admit_s": admitted - began, "visible_s": time.monotonic() - began})
            time.sleep(0.05)
    return times


def _settle(tenant: Any) -> None:
    until = time.monotonic() + 120
    while _left(tenant):
        if time.monotonic() > until:
            raise RuntimeError("the work is not done")
        time.sleep(0.1)


def _left(tenant: Any) -> int:
    from foundation.kernel.outbox import waiting

    return waiting(tenant)


def _leases(asked: argparse.Namespace) -> None:
    """One tenant's backlog beside many tenants' single items: what a turn of the relay costs."""
    from foundation.kernel import leasing
    from foundation.kernel.ids import uuid7
    from foundation.kernel.outbox import enqueue_many
    from foundation.kernel.scope import tenant_scope, tenant_transaction

    def owe(count: int) -> None:
        with tenant_scope(uuid7()), tenant_transaction():
            for start in range(0, count, 5000):
                enqueue_many("search.index", [{"id": "1"}] * min(5000, count - start))

    for pending, others in ((0, 1), (asked.pending, 1), (asked.pending, 1000)):
        owe(pending)
        for _ in range(others):
            owe(1)
        for _ in range(2):  # the first turns after much was written have its index to read
            leasing.lease_queue(leasing.Queue.INDEX, 32)
        times = []
        for _ in range(50):
            began = time.monotonic()
            leasing.lease_queue(leasing.Queue.INDEX, 32)
            times.append(time.monotonic() - began)
        told = {"bench": "leases", "pending": pending, "other_tenants": others}
        print(json.dumps(told | {"ms_p50": round(statistics.median(times) * 1000, 2)}), flush=True)


def _quantile(values: list[float], quantile: float) -> float:
    return sorted(values)[min(len(values) - 1, int(quantile * len(values)))]
