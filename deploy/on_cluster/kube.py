"""kubectl and Helm, and the tool that brings the cluster."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "helm" / "memwrit"
NAMESPACE = "memwrit"
RELEASE = "memory"
NAME = "memory-memwrit"
DOOR = 30087


class Failed(Exception):
    """A program did not do what it was asked; the message is its own words."""


def tool(*words: str, within: float = 1800.0) -> str:
    """The program of `CLUSTER_TOOL`."""
    program = os.environ.get("CLUSTER_TOOL")
    if not program:
        raise Failed("CLUSTER_TOOL names the program that brings a cluster")
    return run([*shlex.split(program), *words], within=within)


def run(command: list[str], *, within: float = 300.0, stdin: str = "") -> str:
    """What a program printed. Raises `Failed`."""
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=within)
    if done.returncode:
        raise Failed(f"{' '.join(command[:4])}: {done.stderr.strip()[-1500:]}")
    return done.stdout


class Kube:
    """One cluster, one namespace. `helm` is the program: helm (4) or helm3."""

    def __init__(self, helm: str = "helm") -> None:
        exports = tool("env")
        told = run(["bash", "-c", f"{exports}\nenv -0"])
        self.environment = dict(part.partition("=")[::2] for part in told.split("\0") if "=" in part)
        self.helm_program = helm

    def _run(self, command: list[str], within: float, stdin: str = "") -> str:
        done = subprocess.run(
            command, input=stdin, capture_output=True, text=True, timeout=within, env=self.environment
        )
        if done.returncode:
            raise Failed(f"{' '.join(command[:5])}: {done.stderr.strip()[-1500:]} {done.stdout.strip()[-500:]}")
        return done.stdout

    def kubectl(self, *words: str, stdin: str = "", within: float = 120.0) -> str:
        return self._run(["kubectl", "-n", NAMESPACE, *words], within, stdin)

    def helm(self, *words: str, within: float = 900.0) -> str:
        return self._run([self.helm_program, "-n", NAMESPACE, *words], within)

    def apply(self, *things: dict[str, Any]) -> None:
        self.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(things))

    def get(self, kind: str, *words: str) -> list[dict[str, Any]]:
        found: dict[str, Any] = json.loads(self.kubectl("get", kind, "-o", "json", *words))
        return list(found.get("items", [found]))

    def pods(self, component: str = "") -> list[dict[str, Any]]:
        selector = f"app.kubernetes.io/instance={RELEASE}"
        if component:
            selector += f",app.kubernetes.io/component={component}"
        return [each for each in self.get("pods", "-l", selector) if not each["metadata"].get("deletionTimestamp")]

    def memwrit(self, *words: str, within: float = 300.0) -> str:
        """The command within a web server's pod."""
        return self.kubectl("exec", f"deploy/{NAME}-api", "--", "memwrit", *words, within=within)

    def address(self) -> str:
        """Where this machine reaches the web servers: a port of its own loopback, behind which the same pods stand as
        behind the Service."""
        (service,) = self.get("service", NAME)
        (port,) = service["spec"]["ports"]
        spec = {
            "type": "NodePort",
            "selector": service["spec"]["selector"],
            "ports": [{"port": port["port"], "targetPort": port["targetPort"], "nodePort": DOOR}],
        }
        self.apply({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "writers"}, "spec": spec})
        return f"127.0.0.1:{DOOR}"

    def ready(self, component: str) -> int:
        told = [condition for pod in self.pods(component) for condition in pod["status"].get("conditions", [])]
        return sum(each["type"] == "Ready" and each["status"] == "True" for each in told)

    def state(self) -> str:
        """Every pod in a line, for whoever reads a failure."""
        return (
            self.kubectl("get", "pods", "-o", "wide")
            + self.kubectl("get", "events", "--sort-by=.lastTimestamp")[-3000:]
        )


def until(holds: Callable[[], bool], what: str, within: float = 180.0) -> float:
    """Wait; the seconds it took. Raises `Failed`."""
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > within:
            raise Failed(f"{what}: not within {within:.0f} s")
        time.sleep(0.5)
    return round(time.monotonic() - began, 1)
