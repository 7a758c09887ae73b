"""A backup by the nightly job, and back again by a Job that is given what nothing else of the release has."""

from __future__ import annotations

import copy
import json
import time
from pathlib import Path
from typing import Any

from deploy.on_cluster.kube import NAME, Failed, Kube, until
from deploy.on_cluster.load import ask

BACKUPS = "/var/lib/memwrit/backups"
# Beside what parity's pod has (app, eraser, opensearch, keys, record): who owns the tables, and who writes the log.
MORE = {"owner": ("DATABASE_OWNER_URL", "KEYRING_OWNER_URL"), "sequencer": ("DATABASE_SEQUENCER_URL",)}


def back_up(kube: Kube, folder: Path) -> Path:
    """The nightly job, run now. The backup's folder on the node; raises `Failed` unless it is whole."""
    told = json.loads(finished(kube, "backup-now", {"from": f"cronjob/{NAME}-backup"}).splitlines()[-1])
    made = folder / "state" / "backups" / Path(told["backup"]).name
    if not (made / "manifest.json").exists():
        raise Failed(f"no whole backup: {told}")
    return made


def put_back(kube: Kube, backup: str) -> tuple[dict[str, Any], float]:
    """`memwrit restore` while nothing of the release runs. What it told, and for how long nothing ran."""
    running = {each["metadata"]["name"]: each["spec"]["replicas"] for each in kube.get("deployments")}
    began = time.monotonic()
    for name in running:
        kube.kubectl("scale", f"deployment/{name}", "--replicas=0")
    until(lambda: not _lasting(kube), "nothing runs", 240)
    said = finished(kube, "restore-now", restorer(kube.get("cronjob", f"{NAME}-parity")[0], backup))
    for name, replicas in running.items():
        kube.kubectl("scale", f"deployment/{name}", f"--replicas={replicas}")
    until(lambda: kube.ready("api") >= running[f"{NAME}-api"], "web servers ready after the restore", 480)
    return json.loads(said.splitlines()[-1]), round(time.monotonic() - began, 1)


def restorer(parity: dict[str, Any], backup: str) -> dict[str, Any]:
    """The Job that restores: parity's pod, the owner's and the sequencer's role, and the volume with the backups."""
    template = copy.deepcopy(parity["spec"]["jobTemplate"]["spec"]["template"])
    (container,), volumes = template["spec"]["containers"], template["spec"]["volumes"]
    container["args"] = ["restore", "--from", f"{BACKUPS}/{backup}", "--replace", "--json"]
    credentials = next(each for each in volumes if each["name"] == "credentials")
    for name, settings in MORE.items():
        items = [{"key": each, "path": each} for each in settings]
        credentials["projected"]["sources"].append({"secret": {"name": f"memwrit-{name}", "items": items}})
        container["env"] += [{"name": f"{each}_FILE", "value": f"/run/secrets/memwrit/{each}"} for each in settings]
    container["volumeMounts"].append({"name": "backups", "mountPath": BACKUPS, "readOnly": True})
    volumes.append({"name": "backups", "persistentVolumeClaim": {"claimName": f"{NAME}-backups"}})
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "restore-now"},
        "spec": {"backoffLimit": 0, "template": template},
    }


def finished(kube: Kube, name: str, job: dict[str, Any]) -> str:
    """Run a Job (`from`: a CronJob's) to its end; what it printed. Raises `Failed` with its words where it failed."""
    kube.kubectl("delete", "job", name, "--ignore-not-found")
    if "from" in job:
        kube.kubectl("create", "job", name, f"--from={job['from']}")
    else:
        kube.apply(job)

    def over() -> bool:
        (now,) = kube.get("job", name)
        ended = {each["type"] for each in now["status"].get("conditions", []) if each["status"] == "True"}
        if "Failed" in ended:
            raise Failed(f"{name}: {kube.kubectl('logs', f'job/{name}').strip()[-800:]}")
        return "Complete" in ended

    until(over, name, 420)
    return kube.kubectl("logs", f"job/{name}").strip()


def _lasting(kube: Kube) -> list[str]:
    """Pods of Deployments that are still there, those that are ending included."""
    every = kube.get("pods", "-l", "app.kubernetes.io/instance")
    owners = [(pod["metadata"]["name"], pod["metadata"].get("ownerReferences", [])) for pod in every]
    return [name for name, owned in owners if any(each["kind"] == "ReplicaSet" for each in owned)]


# --- what a caller sees of it ---


class Caller:
    """Admits, forgets and reads as the tenant does. Raises `Failed` at any other answer than the one that is meant."""

    def __init__(self, address: str, key: str, space: str) -> None:
        self.address, self.key, self.space = address, key, space

    def sent(self, path: str, body: dict[str, Any], status: int) -> dict[str, Any]:
        answered, told = ask(self.address, self.key, "POST", path, body, f"restoring-{time.monotonic_ns()}")
        if answered != status:
            raise Failed(f"{path}: {answered} {told}")
        return told

    def admit(self, text: str, subject: str = "") -> str:
        body: dict[str, Any] = {"space": self.space, "content": text}
        body["provenance"] = {"source": "timetable", "source_type": "user"}
        return str(self.sent("/v1/memories", body | ({"subjects": [subject]} if subject else {}), 201)["id"])

    def forget(self, subject: str, memory: str) -> None:
        body = {"subject": subject, "basis": "gdpr-17", "reason": "The passenger asked for it."}
        plan = self.sent("/v1/erasure_requests", body, 201)
        self.sent(f"/v1/erasure_requests/{plan['id']}:execute", {"expected_manifest": plan["manifest"]}, 202)
        until(lambda: self.read(memory) == 410, "forgotten", 120)

    def read(self, memory: str) -> int | str:
        return ask(self.address, self.key, "GET", f"/v1/memories/{memory}")[0]

    def finds(self, query: str) -> set[str]:
        status, told = ask(self.address, self.key, "POST", "/v1/memories:search", {"query": query, "k": 5})
        return {each["id"] for each in told["data"]} if status == 200 else set()
