"""The chart's README, made of the comments in its values: `python helm/readme.py` writes it, `--check` compares.

`# --` above a value begins its documentation, which goes on in the comment lines after it. A value without any is an
error, and so is an object whose parts are documented and that is documented too.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).with_name("memwrit")
HEAD = """# Chart `memwrit`

Runs every process of Memwrit on Kubernetes: the web server, the relay, the sequencer, upkeep, workers of each class of
work, the jobs before an upgrade, the comparison of the index by night, and a test that admits, finds and forgets a
memory. Databases, the broker and OpenSearch are not part of it: it takes their addresses from Secrets.
`docs/kubernetes.md` tells how to begin, what each process may do, and what to watch.

Made from the comments in `values.yaml` by `helm/readme.py`.

| value | default | what |
|---|---|---|
"""


@dataclass(frozen=True, slots=True)
class Value:
    """One documented value: its path, default and documentation."""

    path: str
    default: Any
    told: str


class Undocumented(Exception):
    """A value nobody told about."""


def values(text: str) -> Iterator[Value]:
    """Every documented value, in order. Raises `Undocumented`."""
    lines = text.splitlines()
    for path, line, default in _leaves(yaml.compose(text), lines):
        told = _told(lines, line)
        if not told:
            raise Undocumented(path)
        yield Value(path, default, told)


def _leaves(node: Any, lines: list[str], path: str = "") -> Iterator[tuple[str, int, Any]]:
    """The values that are documented as one, or cannot be entered: their paths, lines and defaults."""
    for key, value in node.value:
        inner = f"{path}.{key.value}" if path else key.value
        whole = _told(lines, key.start_mark.line)
        if isinstance(value, yaml.MappingNode) and value.value and not whole:
            yield from _leaves(value, lines, inner)
        else:
            yield inner, key.start_mark.line, yaml.safe_load(yaml.serialize(value))


def _told(lines: list[str], at: int) -> str:
    """The documentation above line `at`."""
    found: list[str] = []
    for line in reversed(lines[:at]):
        comment = re.fullmatch(r"\s*# ?(.*)", line)
        if comment is None:
            return ""
        if comment[1].startswith("-- "):
            return " ".join([comment[1][3:], *found])
        found.insert(0, comment[1])
    return ""


def readme(text: str) -> str:
    """The README."""
    rows = (
        f"| `{each.path}` | `{json.dumps(each.default)}` | {each.told.replace('|', chr(92) + '|')} |"
        for each in values(text)
    )
    return HEAD + "\n".join(rows) + "\n"


def main() -> int:
    wanted = readme((CHART / "values.yaml").read_text(encoding="utf-8"))
    place = CHART / "README.md"
    if "--check" in sys.argv:
        return int(not place.exists() or place.read_text(encoding="utf-8") != wanted)
    place.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
