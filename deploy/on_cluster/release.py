"""The release as it is put on the cluster: namespace, credentials, volumes, values."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path
from typing import Any

import yaml

from deploy.on_cluster.hosts import AUTHORITY, NETWORK, Hosts
from deploy.on_cluster.kube import CHART, NAME, NAMESPACE, RELEASE, Kube

USER = 10001
QUEUES = ("forget", "index", "admission", "retention", "slow")
LITTLE = {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"cpu": "2", "memory": "3Gi"}}


def values(image: str) -> dict[str, Any]:
    """Two web servers, a worker of every class, a broker, OpenSearch; all checks on."""
    repository, _, tag = image.rpartition(":")
    elsewhere = [{"ipBlock": {"cidr": NETWORK}}]
    queue = {"replicas": 1, "concurrency": 1, "resources": LITTLE}
    return {
        "image": {"repository": repository, "tag": tag, "pullPolicy": "Never"},
        "settings": {
            "SEARCH_ENGINE": "opensearch",
            "OPENSEARCH_CA": AUTHORITY,
            "BROKER_CA": AUTHORITY,
            "DATABASE_CONNECTION_AGE": 60,
            "PII_TIMEOUT": 60,  # the machine has others to serve
        },
        "tlsSecret": "memwrit-tls",
        "credentials": {name: {"existingSecret": f"memwrit-{name}"} for name in ("broker", "opensearch", "backup")},
        "state": {part: {"storageClassName": "-"} for part in ("keys", "record")},
        "api": {"replicas": 2, "workers": 1, "threads": 8, "resources": LITTLE, "drainSeconds": 5},
        "relay": {"resources": LITTLE},
        "sequencer": {"resources": LITTLE},
        "upkeep": {"resources": LITTLE},
        "worker": {"queues": {name: dict(queue) for name in QUEUES}},
        "jobs": {"resources": LITTLE},
        "cron": {"resources": LITTLE, "backup": {"enabled": True, "existingClaim": f"{NAME}-backups", "keep": 2}},
        "canary": {"within": 180},
        "networkPolicy": {part: {"to": elsewhere} for part in ("postgres", "broker", "opensearch")},
    }


def prepare(kube: Kube, hosts: Hosts) -> None:
    """A namespace under PodSecurity *restricted*, every credential in its Secret, three volumes on the node."""
    labels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn", "audit")}
    kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}})
    for name, held in hosts.secrets.items():
        kube.apply(_secret(f"memwrit-{name}", {key: value.encode() for key, value in held.items()}))
    kube.apply(_secret("memwrit-tls", {"ca.crt": hosts.authority}))
    kube.apply(*(_volume(hosts.folder / "state" / part, part) for part in ("keys", "record", "backups")))
    kube.apply(_claim(f"{NAME}-backups"))


def clear(kube: Kube) -> None:
    """The namespace and the volumes gone. Nobody waits for pods to end in order."""
    if kube.kubectl("get", "namespace", NAMESPACE, "--ignore-not-found"):
        kube.kubectl("delete", "deployments,jobs,cronjobs", "--all", "--wait=false")
        kube.kubectl("delete", "pods", "--all", "--grace-period=0", "--force")
    kube.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait", "--timeout=120s", within=150)
    kube.kubectl(
        "delete", "pv", "memwrit-keys", "memwrit-record", "memwrit-backups", "--ignore-not-found", "--wait=false"
    )


def install(kube: Kube, given: dict[str, Any], folder: Path, *words: str, verb: str = "install") -> str:
    """`helm install --wait` (or upgrade)."""
    path = folder / "values.yaml"
    path.write_text(yaml.safe_dump(given))
    return kube.helm(verb, RELEASE, str(CHART), "-f", str(path), "--wait", "--timeout", "12m", *words)


def admit_canary(kube: Kube) -> str:
    """A tenant for `helm test`, its key in the Secret that the test mounts. The key."""
    made = json.loads(kube.memwrit("tenant", "create", "canary", "--json"))
    kube.apply(_secret("memwrit-canary", {"CANARY_API_KEY": made["api_key"].encode()}))
    return str(made["api_key"])


def _secret(name: str, held: dict[str, bytes]) -> dict[str, Any]:
    data = {key: base64.b64encode(value).decode() for key, value in held.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": NAMESPACE}, "data": data}


def _claim(name: str) -> dict[str, Any]:
    spec = {"accessModes": ["ReadWriteMany"], "storageClassName": "", "resources": {"requests": {"storage": "1Gi"}}}
    metadata = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec}


def _volume(folder: Path, part: str) -> dict[str, Any]:
    folder.mkdir(parents=True, exist_ok=True)
    folder.parent.chmod(0o711)
    shutil.chown(folder, USER, USER)
    folder.chmod(0o700)
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"memwrit-{part}"},
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteMany"],
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": "",
            "claimRef": {"namespace": NAMESPACE, "name": f"{NAME}-{part}"},
            "hostPath": {"path": str(folder)},
        },
    }
