"""Between JSON and the flat document of the PII pass: every text, number and metadata name is walked."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from guard.pii.port import Document, Redaction

# Marks the name of a member rather than its value, as in relative JSON pointers.
NAME = "#"
# Below these the caller chooses the names, so names are walked too. Elsewhere they are the schema's own.
_FREE = ("/metadata/",)


def flatten(body: Any) -> dict[str, str]:
    """A JSON value as paths to texts. Numbers are walked as text (a card may come as one); booleans, null are not."""
    return dict(_walk(body, ""))


def _walk(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, member in value.items():
            yield from _walk(member, f"{path}/{escaped(name)}")
    elif isinstance(value, list | tuple):
        for place, member in enumerate(value):
            yield from _walk(member, f"{path}/{place}")
    elif isinstance(value, str):
        yield path, value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield path, str(value)


def rebuild(body: Any, redaction: Redaction) -> Any:
    """The JSON value with its redacted texts and names put in. Numbers that were not touched stay numbers."""
    return _rebuilt(body, "", redaction)


def _rebuilt(value: Any, path: str, redaction: Redaction) -> Any:
    if isinstance(value, Mapping):
        members = ((name, f"{path}/{escaped(name)}", member) for name, member in value.items())
        return {redaction.renamed.get(at, name): _rebuilt(member, at, redaction) for name, at, member in members}
    if isinstance(value, list | tuple):
        return [_rebuilt(member, f"{path}/{place}", redaction) for place, member in enumerate(value)]
    text = redaction.texts.get(moved(path, redaction.renamed))
    return value if text is None or (not isinstance(value, str) and text == str(value)) else text


def names(document: Document) -> dict[str, str]:
    """The member names that the caller chose, at every depth: `path#` to name."""
    free = [path for path in document if path.startswith(_FREE)]
    nodes = {node for path in free for node in _nodes(path)}
    return {node + NAME: last_name(node) for node in sorted(nodes) if not last_name(node).isdigit()}


def moved(path: str, renamed: Mapping[str, str]) -> str:
    """The path with its renamed members under their new names. `renamed` maps old node paths to new names."""
    if not renamed:
        return path
    new = [escaped(renamed[node]) if node in renamed else node.rsplit("/", 1)[1] for node in _nodes(path, skip=0)]
    return "".join("/" + part for part in new)


def unique(name: str, taken: Collection[str]) -> str:
    """The name, or the name with a number where a sibling has it already."""
    new, count = name, 2
    while new in taken:
        new, count = f"{name}_{count}", count + 1
    return new


def last_name(path: str) -> str:
    return path.rsplit("/", 1)[1].replace("~1", "/").replace("~0", "~")


def _nodes(path: str, skip: int = 1) -> list[str]:
    """The path and every path above it, from the top, without the first `skip`."""
    parts = path.split("/")
    return ["/".join(parts[: depth + 1]) for depth in range(1 + skip, len(parts))]


def escaped(name: str) -> str:
    return str(name).replace("~", "~0").replace("/", "~1")
