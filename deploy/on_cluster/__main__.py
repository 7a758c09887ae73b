"""`deploy/cluster real` and `deploy/cluster many`."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from deploy.on_cluster import acts, many, release
from deploy.on_cluster.hosts import running
from deploy.on_cluster.kube import ROOT, Failed, Kube, run, tool

IMAGE = "localhost/memwrit:cluster"


def main() -> int:
    arguments = _arguments()
    told: dict[str, Any] = {
        "began": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "machine": _machine(),
        "broker": arguments.broker,
    }
    try:
        (real if arguments.which == "real" else fake)(arguments, told)
        return 0
    except Failed as failed:
        told["failed"] = str(failed)
        print(f"FAILED: {failed}", file=sys.stderr, flush=True)
        return 1
    finally:
        if not arguments.keep:
            tool("stop")
        place = ROOT / "build" / f"cluster-{arguments.which}-helm{arguments.helm}-{arguments.broker}.json"
        place.parent.mkdir(exist_ok=True)
        place.write_text(json.dumps(told, indent=2) + "\n")


def real(arguments: argparse.Namespace, told: dict[str, Any]) -> None:
    """One node on which everything runs."""
    kube = _cluster(arguments, "real")
    told["versions"] = {"helm": kube.helm("version", "--short").strip(), "kubernetes": _version(kube)}
    if not arguments.image:
        step(told, "image", lambda: _image(IMAGE))
    with running(arguments.broker) as hosts:
        release.clear(kube)
        release.prepare(kube, hosts)
        stage = acts.Stage(kube, hosts, release.values(arguments.image or IMAGE))
        try:
            _play(kube, stage, arguments.only or list(acts.ACTS), told)
        finally:
            if not arguments.keep:
                release.clear(kube)


def _play(kube: Kube, stage: acts.Stage, names: list[str], told: dict[str, Any]) -> None:
    """Each act in turn. One that fails is told with the pods' words, and the next is done; after `install` none is."""
    failed = []
    for name in names:
        try:
            if name in acts.WRITTEN_TO and not stage.space:
                step(told, "equip", partial(acts.equip, stage))
            step(told, name, partial(acts.ACTS[name], stage))
        except Failed as why:
            failed.append(name)
            told[name] = {"failed": str(why)}
            print(f"{name} FAILED: {why}\n{kube.state()}", file=sys.stderr, flush=True)
            _logs(kube)
            if name == "install":
                break
    if failed:
        raise Failed(", ".join(failed))


def fake(arguments: argparse.Namespace, told: dict[str, Any]) -> None:
    """Many nodes on which nothing runs: what the scheduler and the controllers make of the chart."""
    kube = _cluster(arguments, "fake", str(many.NODES))
    for name, act in many.ACTS.items():
        step(told, name, partial(act, kube, arguments.replicas))


def _cluster(arguments: argparse.Namespace, *words: str) -> Kube:
    """A new cluster, or the one that an earlier run was told to leave."""
    program = "helm" if arguments.helm == 4 else "helm3"
    try:
        kube = Kube(program)
        kube.kubectl("get", "nodes", "--request-timeout=5s")
    except Failed:
        tool("start", *words)
        kube = Kube(program)
    return kube


def step(told: dict[str, Any], name: str, act: Callable[[], Any]) -> None:
    print(f"{name} ...", flush=True)
    told[name] = act()
    print(f"{name}: {json.dumps(told[name])}", flush=True)


def _image(tag: str) -> dict[str, Any]:
    """From what is committed, not from what lies about."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        run(["bash", "-c", f"git -C '{ROOT}' archive HEAD | tar -x -C '{folder}'"])
        tool("image", tag, folder, within=3600)
    return {"seconds": round(time.monotonic() - began, 1)}


def _logs(kube: Kube) -> None:
    for pod in kube.pods():
        name = pod["metadata"]["name"]
        for words in (("--previous",), ()):
            try:
                said = kube.kubectl("logs", name, "--tail=15", *words)
            except Failed:
                continue
            print(f"--- {name} {' '.join(words)}\n{said}", file=sys.stderr, flush=True)


def _version(kube: Kube) -> str:
    return str(json.loads(kube.kubectl("version", "-o", "json"))["serverVersion"]["gitVersion"])


def _machine() -> str:
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    load = Path("/proc/loadavg").read_text().split()[0]
    return f"{os.cpu_count()} processors, {pages:.0f} GiB, {platform.release()}; load {load} at the beginning"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="deploy/cluster")
    parser.add_argument("which", choices=("real", "many"))
    parser.add_argument("--helm", type=int, choices=(3, 4), default=4)
    parser.add_argument("--image", default="", metavar="TAG", help="one the node has already")
    parser.add_argument("--broker", choices=("valkey", "rabbitmq"), default="valkey")
    parser.add_argument("--keep", action="store_true", help="leave the cluster running")
    parser.add_argument("--only", nargs="*", choices=list(acts.ACTS), help="these acts, in this order")
    parser.add_argument("--replicas", type=int, default=50)
    return parser.parse_args()


if __name__ == "__main__":
    if os.geteuid() != 0:
        run(["false"])
    sys.exit(main())
