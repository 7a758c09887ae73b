"""What is done to the release, and what must hold. Each act answers facts, or raises `Failed`."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from deploy.on_cluster import release, restoring
from deploy.on_cluster.hosts import Hosts
from deploy.on_cluster.kube import NAME, RELEASE, Failed, Kube, until
from deploy.on_cluster.load import Books, Writers, ask

Facts = dict[str, Any]
COMPONENTS = ("api", "relay", "sequencer", "worker-index", "worker-forget", "upkeep")
AWAY = 30
WRITTEN_TO = ("upgrade", "fail", "kills", "broker", "restore")


@dataclass(slots=True)
class Stage:
    """The cluster, the hosts, and who writes. `promised`: every memory that was answered 201, in any act. `books`: of
    all writers there were; what an act promised that failed is reckoned with the next one."""

    kube: Kube
    hosts: Hosts
    values: dict[str, Any]
    address: str = ""
    key: str = ""
    space: str = ""
    promised: dict[str, str] = field(default_factory=dict)
    held: dict[str, str] = field(default_factory=dict)
    books: list[Books] = field(default_factory=list)

    def writers(self) -> Writers:
        made = Writers(self.address, self.key, self.space)
        self.books.append(made.books)
        return made


def install(stage: Stage) -> Facts:
    """`helm install --wait` in a namespace that enforces *restricted*."""
    began = time.monotonic()
    release.install(stage.kube, stage.values, stage.hosts.folder)
    took = round(time.monotonic() - began, 1)
    pods = stage.kube.pods()
    return {"seconds": took, "pods": len(pods), "restarts": _restarts(pods)}


def test(stage: Stage) -> Facts:
    """`helm test`: the canary is admitted, found, forgotten, gone."""
    if not stage.key:
        stage.key = release.admit_canary(stage.kube)
    began = time.monotonic()
    stage.kube.helm("test", RELEASE, "--timeout", "10m")
    said = stage.kube.kubectl("logs", f"job/{NAME}-canary").strip().splitlines()
    return {"seconds": round(time.monotonic() - began, 1), "said": said}


def run_as(stage: Stage) -> Facts:
    """What the processes are in truth: their user, what they can write, which databases they were given."""
    seen = {}
    for component in COMPONENTS:
        pod = stage.kube.pods(component)[0]["metadata"]["name"]
        script = (
            "id -u; touch /opt/x 2>/dev/null && echo writable; ls /run/secrets/memwrit; ls /var/run/secrets 2>/dev/null"
        )
        told = stage.kube.kubectl("exec", pod, "--", "/bin/sh", "-c", script).split()
        if told[0] != "10001" or "writable" in told or "kubernetes.io" in told:
            raise Failed(f"{component} runs as {told}")
        seen[component] = sorted(each for each in told if each.endswith("_URL"))
    return seen


def upgrade(stage: Stage) -> Facts:
    """A rolling upgrade of everything while four writers write: nothing promised is lost, nothing is doubled."""
    stage.values["pod"] = {"annotations": {"upgraded": str(int(time.time()))}}
    before = _lasting(stage.kube)
    began = time.monotonic()
    with stage.writers() as writers:
        time.sleep(5)
        release.install(stage.kube, stage.values, stage.hosts.folder, verb="upgrade")
        took = round(time.monotonic() - began, 1)
        time.sleep(5)
    if kept := before & _lasting(stage.kube):
        raise Failed(f"{len(kept)} pods were not exchanged")
    return {"seconds": took, "exchanged": len(before)} | _reckon(stage, writers.books)


def fail(stage: Stage) -> Facts:
    """An upgrade to an image that is not there, under write load, with and without its jobs; then `helm rollback`."""
    facts: Facts = {}
    broken = stage.values | {"image": stage.values["image"] | {"tag": "no-such-tag"}}
    with stage.writers() as writers:
        for name, words in (("with_jobs", ()), ("without_jobs", ("--no-hooks",))):
            began = time.monotonic()
            try:
                release.install(stage.kube, broken, stage.hosts.folder, "--timeout", "45s", *words, verb="upgrade")
            except Failed:
                facts[f"{name}_refused_after_s"] = round(time.monotonic() - began, 1)
            else:
                raise Failed("an upgrade to an image that is not there succeeded")
            if stage.kube.ready("api") < 2:
                raise Failed("the web servers of the last version went away")
        began = time.monotonic()
        stage.kube.helm("rollback", RELEASE, "--wait", "--timeout", "10m", _last_good(stage.kube))
        facts["rollback_s"] = round(time.monotonic() - began, 1)
    until(lambda: not _unready(stage.kube), "all pods ready after the rollback", 240)
    return facts | _reckon(stage, writers.books)


def kills(stage: Stage) -> Facts:
    """Each component's pod killed without warning, one after the other, under write load."""
    facts: Facts = {}
    with stage.writers() as writers:
        for component in COMPONENTS:
            pod = stage.kube.pods(component)[0]["metadata"]["name"]
            wanted = len(stage.kube.pods(component))
            stage.kube.kubectl("delete", "pod", pod, "--grace-period=0", "--force")
            facts[component] = until(partial(_back, stage.kube, component, wanted), f"{component} again", 240)
    return {"ready_again_s": facts} | _reckon(stage, writers.books)


def broker(stage: Stage) -> Facts:
    """The broker killed under write load, away for half a minute, and started again."""
    with stage.writers() as writers:
        time.sleep(5)
        stage.hosts.queue.kill()
        time.sleep(AWAY)
        stage.hosts.queue.start()
        time.sleep(15)
    until(lambda: not _unready(stage.kube), "all pods ready after the broker came back", 240)
    return {"away_s": AWAY, "restarts": _restarts(stage.kube.pods())} | _reckon(stage, writers.books)


def parity(stage: Stage) -> Facts:
    """The nightly job, run now: the index holds exactly what is served."""
    said = restoring.finished(stage.kube, "parity-now", {"from": f"cronjob/{NAME}-parity"})
    told = [json.loads(line) for line in said.splitlines() if line[:1] == "{"]
    return {"tenants": len(told), "different": sum(each["missing"] + each["stale"] + each["orphans"] for each in told)}


def backup(stage: Stage) -> Facts:
    """The nightly job, run now: both databases dumped by the role that reads, in a pod that has no other."""
    made = restoring.back_up(stage.kube, stage.hosts.folder)
    return {path.name: path.stat().st_size for path in sorted(made.glob("*.dump"))}


def restore(stage: Stage) -> Facts:
    """Such a backup put back: what was forgotten since stays forgotten, what came since is not known, all else is
    served and found, and the writers go on."""
    caller = restoring.Caller(stage.address, stage.key, stage.space)
    gone = caller.admit("The aisle seat is kept free on the night train.", "passenger-7")
    kept = caller.admit("The window seat is kept free on the night train.", "passenger-8")
    stage.promised["kept"] = kept
    made = restoring.back_up(stage.kube, stage.hosts.folder)
    caller.forget("passenger-7", gone)
    late = caller.admit("The seat by the door is kept free on the night train.", "passenger-9")
    told, away = restoring.put_back(stage.kube, made.name)
    until(lambda: caller.read(kept) == 200, "the service after the restore", 120)
    seen = {name: caller.read(each) for name, each in (("gone", gone), ("kept", kept), ("late", late))}
    if seen != {"gone": 410, "kept": 200, "late": 404}:
        raise Failed(f"after the restore: {seen}")
    found = until(lambda: kept in caller.finds("Which seat is kept free on the night train?"), "found again", 300)
    with stage.writers() as writers:
        time.sleep(10)
    return {"told": told, "nothing_ran_s": away, "found_again_s": found} | _reckon(stage, writers.books)


def uninstall(stage: Stage) -> Facts:
    """Everything goes but the volumes with the keys, the record and the backups."""
    began = time.monotonic()
    stage.kube.helm("uninstall", RELEASE, "--wait", "--timeout", "10m")
    took = round(time.monotonic() - began, 1)
    kinds = "deployments,jobs,cronjobs,services,configmaps,networkpolicies,serviceaccounts,poddisruptionbudgets"
    left = [
        f"{each['kind']}/{each['metadata']['name']}"
        for each in stage.kube.get(kinds)
        if each["metadata"].get("labels", {}).get("app.kubernetes.io/instance") == RELEASE
    ]
    claims = sorted(each["metadata"]["name"] for each in stage.kube.get("pvc"))
    if claims != sorted(f"{NAME}-{part}" for part in ("keys", "record", "backups")):
        raise Failed(f"claims left: {claims}")
    return {"seconds": took, "left": left, "claims_kept": len(claims)}


# --- the books ---


def equip(stage: Stage) -> Facts:
    """A door, a tenant and a space for the writers. The door answers once kube-proxy has heard of it."""
    stage.address = stage.kube.address()
    took = until(lambda: ask(stage.address, "", "GET", "/healthz")[0] == 200, "the writers' door", 60)
    stage.key = stage.key or release.admit_canary(stage.kube)
    status, made = ask(stage.address, stage.key, "POST", "/v1/spaces", {"name": "inventory"}, "space-1")
    if status not in (200, 201):
        raise Failed(f"no space: {status} {made}")
    stage.space = made["id"]
    return {"door": stage.address, "open_after_s": took}


def _reckon(stage: Stage, books: Books) -> Facts:
    """Every promise of every act so far is kept, and there is nothing that was not promised."""
    for each in stage.books:
        stage.promised |= each.promised
        stage.held |= each.held
    if not books.promised:
        raise Failed(f"nothing was admitted: {dict(books.statuses)}")
    ids = list(stage.promised.values())
    lost = [each for each in ids if _read(stage, f"/v1/memories/{each}") != 200]
    lost += [each for each in stage.held.values() if _read(stage, f"/v1/admissions/{each}") != 200]
    listed = _listed(stage)
    events = _admitted_events(stage)
    facts = {
        "answered": dict(books.statuses),
        "asked_again": books.again,
        "slowest_s": round(books.slowest, 2),
        "longest_without_an_answer_s": round(books.longest_gap, 2),
        "promised_so_far": len(ids),
        "held_so_far": len(stage.held),
        "lost": len(lost),
        "doubled": len(ids) - len(set(ids)) + len(listed - set(ids) - set(stage.held)),
        "unaudited": len(set(ids) - events),
    }
    if facts["lost"] or facts["doubled"] or facts["unaudited"]:
        raise Failed(f"the books do not balance: {facts}")
    return facts


def _read(stage: Stage, path: str) -> int | str:
    for _ in range(5):
        status, _body = ask(stage.address, stage.key, "GET", path)
        if status == 200 or status in (404, 410):
            break
        time.sleep(1)
    return status


def _pages(stage: Stage, path: str) -> list[dict[str, Any]]:
    found, cursor = [], ""
    while True:
        status, page = ask(stage.address, stage.key, "GET", path + (f"&cursor={cursor}" if cursor else ""))
        if status != 200:
            raise Failed(f"{path.partition('?')[0]} answers {status}")
        found += page["data"]
        cursor = page.get("next_cursor") or ""
        if not cursor:
            return found


def _listed(stage: Stage) -> set[str]:
    return {each["id"] for each in _pages(stage, f"/v1/memories?space={stage.space}&limit=100")}


def _admitted_events(stage: Stage) -> set[str]:
    """Memories whose admission the tenant's log tells of, once it is written."""

    def told() -> set[str]:
        events = _pages(stage, "/v1/audit/events?act=memory.admit&limit=100")
        return {each["target"]["id"] for each in events if each.get("target")}

    wanted = set(stage.promised.values())
    limit = time.monotonic() + 90
    while not wanted <= (found := told()) and time.monotonic() < limit:
        time.sleep(2)
    return found


def _restarts(pods: list[dict[str, Any]]) -> int:
    return sum(each["restartCount"] for pod in pods for each in pod["status"].get("containerStatuses", []))


def _back(kube: Kube, component: str, wanted: int) -> bool:
    return kube.ready(component) >= wanted


def _lasting(kube: Kube) -> set[str]:
    """The pods of Deployments, by their own ids; a Job's stay as they are."""
    return {
        each["metadata"]["uid"]
        for each in kube.pods()
        if each["metadata"]["ownerReferences"][0]["kind"] == "ReplicaSet"
    }


def _unready(kube: Kube) -> list[str]:
    waiting = []
    for pod in kube.pods():
        told = {each["type"]: each["status"] for each in pod["status"].get("conditions", [])}
        lasts = pod["metadata"]["ownerReferences"][0]["kind"] == "ReplicaSet"  # a job that failed is nobody's concern
        if lasts and told.get("Ready") != "True":
            waiting.append(pod["metadata"]["name"])
    return waiting


def _last_good(kube: Kube) -> str:
    """The revision that was deployed last."""
    history = json.loads(kube.helm("history", RELEASE, "-o", "json"))
    good = [each["revision"] for each in history if each["status"] in ("deployed", "superseded")]
    return str(max(good))


ACTS = {
    "install": install,
    "run_as": run_as,
    "test": test,
    "upgrade": upgrade,
    "fail": fail,
    "kills": kills,
    "broker": broker,
    "parity": parity,
    "backup": backup,
    "restore": restore,
    "parity_again": parity,
    "test_again": test,
    "uninstall": uninstall,
}
