"""The chart on many nodes that are played: pods turn ready and nothing runs. For scheduling, budgets and rollouts."""

from __future__ import annotations

import contextlib
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import yaml

from deploy.on_cluster.kube import CHART, NAME, NAMESPACE, RELEASE, Failed, Kube, until

NODES = 5
Facts = dict[str, Any]


def _values(replicas: int, **more: Any) -> dict[str, Any]:
    claims = {part: {"existingClaim": f"given-{part}"} for part in ("keys", "record")}
    little = {"requests": {"cpu": "1m", "memory": "1Mi"}, "limits": {"cpu": "1", "memory": "1Gi"}}
    return {
        "image": {"repository": "memwrit", "tag": "none", "pullPolicy": "Never"},
        "credentials": {"broker": {"existingSecret": "memwrit-broker"}},
        "state": claims,
        "pod": {"topologySpread": {"whenUnsatisfiable": "DoNotSchedule"}},
        "api": {"replicas": replicas, "resources": little} | more,
        "relay": {"resources": little},
        "sequencer": {"resources": little},
        "upkeep": {"resources": little},
        "worker": {
            "queues": {each: {"resources": little} for each in ("forget", "index", "admission", "retention", "slow")}
        },
        "jobs": {"resources": little},
    }


def _helm(kube: Kube, verb: str, given: dict[str, Any]) -> float:
    began = time.monotonic()
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump(given, file)
        file.flush()
        kube.helm(verb, RELEASE, str(CHART), "-f", file.name, "--wait", "--timeout", "10m")
    return round(time.monotonic() - began, 1)


def _spread(kube: Kube, component: str) -> dict[str, int]:
    return dict(Counter(each["spec"].get("nodeName", "") for each in kube.pods(component)))


def prepare(kube: Kube, replicas: int) -> Facts:
    """A namespace under *restricted*, and claims that are bound to something."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}})
    for part in ("keys", "record"):
        spec = {"accessModes": ["ReadWriteMany"], "storageClassName": "", "resources": {"requests": {"storage": "1Gi"}}}
        claim = {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": f"given-{part}", "namespace": NAMESPACE},
        }
        volume = {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": f"given-{part}"}}
        where = {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteMany"],
            "hostPath": {"path": "/srv"},
            "storageClassName": "",
        }
        reference = {"claimRef": {"namespace": NAMESPACE, "name": f"given-{part}"}}
        kube.apply(volume | {"spec": where | reference}, claim | {"spec": spec})
    return {"nodes": len(kube.get("nodes"))}


def install(kube: Kube, replicas: int) -> Facts:
    """Many web servers, spread so that no node has more than one more than another."""
    took = _helm(kube, "install", _values(replicas))
    found = _spread(kube, "api")
    if sum(found.values()) != replicas or max(found.values()) - min(found.values()) > 1 or len(found) != NODES:
        raise Failed(f"not spread: {found}")
    return {"seconds": took, "pods": len(kube.pods()), "api_per_node": sorted(found.values())}


def rollout(kube: Kube, replicas: int) -> Facts:
    """An upgrade of all of them: never fewer ready than were asked for."""
    given = _values(replicas, podAnnotations={"turn": "2"}, rollingUpdate={"maxSurge": "20%", "maxUnavailable": 0})
    before = {each["metadata"]["uid"] for each in kube.pods("api")}
    with _watching(kube) as fewest:
        took = _helm(kube, "upgrade", given)
    kept = before & {each["metadata"]["uid"] for each in kube.pods("api")}
    if kept or min(fewest) < replicas:
        raise Failed(f"{len(kept)} were not exchanged, as few as {min(fewest)} were available")
    found = _spread(kube, "api")
    return {"seconds": took, "looks": len(fewest), "fewest": min(fewest), "api_per_node": sorted(found.values())}


@contextlib.contextmanager
def _watching(kube: Kube) -> Iterator[list[int]]:
    """How many web servers were available, each time they were counted."""
    seen, over = [_available(kube)], threading.Event()

    def look() -> None:
        while not over.wait(1.0):
            seen.append(_available(kube))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join(60)


def _available(kube: Kube) -> int:
    (deployment,) = kube.get("deployment", f"{NAME}-api")
    return int(deployment["status"].get("availableReplicas", 0))


def disruption(kube: Kube, replicas: int) -> Facts:
    """A node is drained to its end: the budget lets one pod go at a time, and each finds another node."""
    (budget,) = kube.get("poddisruptionbudget", f"{NAME}-api")
    allowed = budget["status"]["disruptionsAllowed"]
    node = kube.get("nodes")[0]["metadata"]["name"]
    began = time.monotonic()
    with _watching(kube) as fewest:
        kube.kubectl("drain", node, "--delete-emptydir-data", "--force", "--timeout=300s", within=320)
        took = round(time.monotonic() - began, 1)
        until(lambda: _available(kube) == replicas, "all available again", 120)
    found = _spread(kube, "api")
    kube.kubectl("uncordon", node)
    if allowed != 1 or min(fewest) < replicas - 1 or node in found or max(found.values()) - min(found.values()) > 1:
        raise Failed(f"the budget allows {allowed} at once, as few as {min(fewest)} were available, on {found}")
    return {"allowed_at_once": allowed, "seconds": took, "fewest": min(fewest), "api_per_node": sorted(found.values())}


def autoscaling(kube: Kube, replicas: int) -> Facts:
    """An autoscaler from now on: its bounds hold, no more web servers go than it takes away, and an upgrade leaves it
    alone. The number is first taken out of Helm's hands, as docs/kubernetes.md says."""
    scaled = {"autoscaling": {"enabled": True, "minReplicas": 7, "maxReplicas": 12}}
    kube.kubectl("scale", f"deployment/{NAME}-api", f"--replicas={replicas + 1}")
    with _watching(kube) as fewest:
        _helm(kube, "upgrade", _values(replicas, **scaled))
        took = until(lambda: _wanted(kube) == 12, "the most that is allowed", 180)
    _helm(kube, "upgrade", _values(replicas, podAnnotations={"turn": "3"}, **scaled))
    if _wanted(kube) != 12 or min(fewest) < 12:
        raise Failed(f"as few as {min(fewest)} were available; an upgrade set {_wanted(kube)} against the autoscaler")
    return {"brought_down_to": 12, "seconds": took, "fewest": min(fewest), "after_an_upgrade": 12}


def _wanted(kube: Kube) -> int:
    (deployment,) = kube.get("deployment", f"{NAME}-api")
    return int(deployment["spec"]["replicas"])


def uninstall(kube: Kube, replicas: int) -> Facts:
    """All gone."""
    began = time.monotonic()
    kube.helm("uninstall", RELEASE, "--wait", "--timeout", "10m")
    until(lambda: not kube.pods(), "no pods", 120)
    return {"seconds": round(time.monotonic() - began, 1)}


ACTS = {
    "prepare": prepare,
    "install": install,
    "rollout": rollout,
    "disruption": disruption,
    "autoscaling": autoscaling,
    "uninstall": uninstall,
}
