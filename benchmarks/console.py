"""How long the console's pages take, against gunicorn as `memwrit serve` runs it, on a tenant full of memories.

`python -m benchmarks console [--memories N] [--rounds N] [--clients N] [--keep]`: JSON lines, one a page: the HTML
alone, in milliseconds, by clients that ask one page after another. The goal is a p95 of 200 ms at 10,000 memories.
"""

from __future__ import annotations

import argparse
import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any

from benchmarks.ground import standing_on_a_cluster
from benchmarks.rekey import _admitted
from benchmarks.spine import _tenant
from benchmarks.telling import Telling, percentile

BROWSER = "Memwrit bench"
GOAL = 200.0
HELD = 40
COMPLIANCE = (
    *("overview", "overview/personal", "held", "held/{held}", "memories", "memories/{memory}"),
    *("memories/{memory}/versions", "memories/{memory}/lineage", "erasure", "holds"),
    *("audit", "audit/log", "audit/events/{event}", "sessions"),
)
ADMIN = ("policies", "admin/people", "admin/keys", "admin/spaces", "admin/usage", "admin/epochs", "admin/roles")


def run(args: list[str]) -> None:
    asked = _arguments(args)
    telling = Telling("console")
    with standing_on_a_cluster(EMBEDDER="hash", PUBLIC_URL="http://127.0.0.1"):
        tenant, agent, space = _tenant("plain")
        ids, cookies = _lived_in(tenant, agent, space, asked.memories)
        with _serving() as port:
            for role, pages in (("compliance", COMPLIANCE), ("admin", ADMIN)):
                for page in pages:
                    path = f"/console/{page.format(**ids)}"
                    _work_off()  # in production every second: looks wait for the sequencer here
                    telling.tell(page, **_figures(port, path, cookies[role], asked))
    if asked.keep:
        telling.keep("console")


def _arguments(args: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench console", description=__doc__)
    parser.add_argument("--memories", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=50, help="requests of each page and client")
    parser.add_argument("--clients", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="also write the figures into benchmarks/results")
    return parser.parse_args(args)


def _lived_in(tenant: Any, agent: Any, space: Any, memories: int) -> tuple[dict[str, str], dict[str, str]]:
    """Memories, held ones, a log and people; the ids that paths name, and a cookie for each role."""
    from foundation.kernel.scope import tenant_scope, tenant_transaction
    from governance.models import Admission, MemCube, State

    with tenant_scope(tenant):
        _admitted(agent, space, memories)
        _held(agent, space)
        cookies = {role: _cookie(tenant, role) for role in ("compliance", "admin")}
        with tenant_transaction():
            cubes = MemCube.objects.filter(state=State.ACTIVE).order_by("id")
            ids = {"memory": cubes[cubes.count() // 2].id}
            ids["held"] = Admission.objects.filter(state="held").values_list("id", flat=True)[0]
            ids["event"] = _sequenced_event()
    return {name: str(id) for name, id in ids.items()}, cookies


def _held(agent: Any, space: Any) -> None:
    from governance.sealed import Provenance
    from governance.services.admit import admit
    from governance.submissions import Submission

    for number in range(HELD):
        text = f"Records of patient 031-{1000 + number} moved to 029-{1000 + number}."
        admit(agent, submission=Submission(space.id, text, Provenance(f"mail:{number}", source_type="document")))
    _work_off()


def _work_off() -> None:
    from audit.services.sequence import run_once
    from foundation.kernel import outbox

    while outbox.run_due() + run_once():
        pass


def _sequenced_event() -> Any:
    from audit.models import Entry

    return Entry.objects.order_by("index").values_list("id", flat=True)[0]


def _cookie(tenant: Any, role: str) -> str:
    from foundation.kernel.principal import Principal, Role
    from tenants.models import Session
    from tenants.services.begin_session import begin_session
    from tenants.services.create_person import create_person

    platform = Principal.system(tenant)
    person = create_person(platform, email=f"{role}@example.org", role=Role(role), name=role)
    return begin_session(person, via=Session.Via.PASSWORD, browser=BROWSER).text()


@contextmanager
def _serving() -> Iterator[int]:
    from memwrit.embedded.attach import WEB, environment

    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "gunicorn", "memwrit.wsgi:application", "--bind", f"127.0.0.1:{port}"]
    command += ["--worker-class", "gthread", "--workers", "2", "--threads", "8", "--preload", "--log-level", "error"]
    path = os.pathsep.join(sys.path[:2])
    server = subprocess.Popen(command, env=environment({}, WEB) | {"PYTHONPATH": path})
    try:
        _await(port)
        yield port
    finally:
        server.terminate()
        server.wait(timeout=30)


def _await(port: int) -> None:
    limit = time.monotonic() + 60
    while time.monotonic() < limit:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.2)
    raise TimeoutError("the server did not start")


def _figures(port: int, path: str, cookie: str, asked: argparse.Namespace) -> dict[str, Any]:
    with ThreadPoolExecutor(asked.clients) as pool:
        lists = pool.map(lambda _: _timed(port, path, cookie, asked.rounds), range(asked.clients))
        took = [each for one in lists for each in one]
    p95 = percentile(took, 0.95)
    return {"p50_ms": round(percentile(took, 0.5), 1), "p95_ms": round(p95, 1), "within_goal": p95 <= GOAL}


def _timed(port: int, path: str, cookie: str, rounds: int) -> list[float]:
    took = []
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as line:
        for number in range(rounds + 4):  # the first meet workers that have loaded nothing yet
            began = time.perf_counter()
            line.request("GET", path, headers={"Cookie": f"memwrit={cookie}", "User-Agent": BROWSER})
            answer = line.getresponse()
            answer.read()
            if answer.status != 200:
                raise RuntimeError(f"{path} answered {answer.status}")
            if number >= 4:
                took.append((time.perf_counter() - began) * 1000)
    return took
