"""The chart as Helm renders it, as objects."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.helm.tools import helm, run

CHART = Path(__file__).resolve().parents[2] / "helm" / "memwrit"
CASES = tuple(sorted(path.stem for path in (CHART / "ci").glob("*.yaml")))
OLDEST, MIDDLE, NEWEST = "1.31.0", "1.34.0", "1.37.0"
Object = dict[str, Any]


@functools.cache
def text(case: str = "", sets: tuple[str, ...] = (), *, version: int = 4, kubernetes: str = NEWEST) -> str:
    """The manifests: of one of the files in `ci/`, and of values set beside it."""
    options = ["-f", str(CHART / "ci" / f"{case}.yaml")] if case else []
    options += [word for each in sets for word in ("--set-json", each)]
    return run(helm(version), "template", "memory", CHART, "-n", "inner", "--kube-version", kubernetes, *options).stdout


def refusal(case: str = "", *sets: str, version: int = 4) -> str:
    """What Helm says instead of rendering; empty when it renders."""
    options = ["-f", str(CHART / "ci" / f"{case}.yaml")] if case else []
    options += [word for each in sets for word in ("--set-json", each)]
    done = run(helm(version), "template", "memory", CHART, *options, check=False)
    return done.stderr if done.returncode else ""


@functools.cache
def _objects(case: str, sets: tuple[str, ...]) -> str:
    return json.dumps([each for each in yaml.safe_load_all(text(case, sets)) if each])


def objects(case: str = "", *sets: str) -> list[Object]:
    """Everything that is rendered."""
    found: list[Object] = json.loads(_objects(case, sets))
    return found


def of_kind(kind: str, case: str = "", *sets: str) -> dict[str, Object]:
    """The objects of one kind by their names without the release's."""
    return {_short(each): each for each in objects(case, *sets) if each["kind"] == kind}


def _short(thing: Object) -> str:
    name = str(thing["metadata"]["name"])
    return name.removeprefix("memory-memwrit").removeprefix("memory").removeprefix("-") or "main"


def pods(case: str = "", *sets: str) -> dict[str, Object]:
    """Every pod template there is, by component: {"metadata", "spec"}."""
    return dict(_pods(objects(case, *sets)))


def _pods(things: list[Object]) -> Iterator[tuple[str, Object]]:
    for thing in things:
        spec = thing.get("spec", {})
        template = spec.get("jobTemplate", {}).get("spec", spec).get("template")
        if template and "containers" in template.get("spec", {}):
            yield template["metadata"]["labels"]["app.kubernetes.io/component"], template


def container(pod: Object) -> Object:
    """The pod's only container."""
    (only,) = pod["spec"]["containers"]
    return dict(only)


def given(pod: Object) -> set[str]:
    """The settings that a pod is given as files."""
    volumes = [each for each in pod["spec"]["volumes"] if each["name"] == "credentials"]
    return {
        item["path"]
        for each in volumes
        for source in each["projected"]["sources"]
        for item in source["secret"]["items"]
    }
