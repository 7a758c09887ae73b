"""Looks for readable text in every byte of a directory tree: heap, WAL, logs, temporary files, keyring.

A canary is looked for in each form in which a store may keep it. `fragment` finds any eight bytes of it in a row: a
page boundary may cut a text in two, and PostgreSQL's own compression puts a control byte between every eight literals.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

CHUNK = 32 * 1024 * 1024
OVERLAP = 4096
FRAGMENT = 8
MOST_INFLATED = 8 * 1024 * 1024
# gzip, and zlib at its three usual levels.
STREAMS = re.compile(rb"\x1f\x8b\x08|\x78[\x01\x5e\x9c\xda]")


@dataclass(frozen=True, slots=True)
class Finding:
    """One canary found in one form in one file."""

    path: Path
    form: str
    canary: str


def needles(canary: str) -> dict[str, list[bytes]]:
    """The forms of one canary, each a list of byte strings, lower-cased (what is searched is lower-cased too).

    At least 16 characters, else a fragment of it could stand anywhere by chance.
    """
    if len(canary) < 16:
        raise ValueError("a canary has at least 16 characters")
    plain = canary.encode()
    found = {
        "utf-8": [plain],
        "utf-16-le": [canary.encode("utf-16-le")],
        "utf-16-be": [canary.encode("utf-16-be")],
        "hex": [plain.hex().encode(), canary.encode("utf-16-le").hex().encode()],
        "base64": _base64(plain),
        "json": [json.dumps(canary)[1:-1].encode(), _all_escaped(canary)],
        "fragment": [plain[at : at + FRAGMENT] for at in range(len(plain) - FRAGMENT + 1)],
    }
    return {form: sorted({each.lower() for each in each_form}) for form, each_form in found.items()}


def _base64(plain: bytes) -> list[bytes]:
    """What of the encoding does not depend on the neighbours, at each of the three phases, in both alphabets."""
    made = []
    for phase in range(3):
        encoded = base64.b64encode(b"\0" * phase + plain)
        first, last = -(-phase * 4 // 3), (phase + len(plain)) // 3 * 4
        made += [encoded[first:last], encoded[first:last].translate(bytes.maketrans(b"+/", b"-_"))]
    return made


def _all_escaped(canary: str) -> bytes:
    """Every character as a JSON escape, as some serialisers write what is not ASCII."""
    units = canary.encode("utf-16-be")
    return b"".join(b"\\u%02x%02x" % (units[at], units[at + 1]) for at in range(0, len(units), 2))


def float_needles(vector: Sequence[float]) -> dict[str, list[bytes]]:
    """An embedding's raw bytes as float32 and float16, in three places: scans for vectors instead of texts."""
    spots = (0, len(vector) // 2, len(vector) - 4)
    kinds = {"float32": "<f4", "float16": "<f2", "float16-be": ">f2", "float32-be": ">f4"}
    return {
        name: [np.asarray(vector[at : at + 4], dtype=kind).tobytes().lower() for at in spots]
        for name, kind in kinds.items()
    }


def scan(roots: Iterable[Path], canaries: Iterable[str]) -> list[Finding]:
    """Every canary, form and file in which it stands. An empty answer means: nothing readable."""
    return scan_for(roots, {canary: needles(canary) for canary in canaries})


def scan_for(roots: Iterable[Path], wanted: Mapping[str, Mapping[str, Sequence[bytes]]]) -> list[Finding]:
    """The same, for forms made by the caller (`float_needles`)."""
    found: dict[Finding, None] = {}
    for path in _files(roots):
        for chunk in _chunks(path):
            for form, canary in _hits(chunk, wanted):
                found[Finding(path, form, canary)] = None
            for stream in _inflated(chunk):
                for form, canary in _hits(stream, wanted):
                    found[Finding(path, f"compressed {form}", canary)] = None
    return list(found)


def _hits(data: bytes, wanted: Mapping[str, Mapping[str, Sequence[bytes]]]) -> Iterator[tuple[str, str]]:
    lowered = data.lower()
    for canary, forms in wanted.items():
        for form, patterns in forms.items():
            if any(pattern in lowered for pattern in patterns):
                yield form, canary


def _files(roots: Iterable[Path]) -> Iterator[Path]:
    for root in roots:
        for path in [root] if root.is_file() else sorted(root.rglob("*")):
            if path.is_file() and not path.is_symlink():
                yield path


def _chunks(path: Path) -> Iterator[bytes]:
    """The file in overlapping pieces; one that goes while it is read has nothing to hide any more."""
    try:
        with path.open("rb") as file:
            tail = b""
            while piece := file.read(CHUNK):
                yield tail + piece
                tail = piece[-OVERLAP:]
    except FileNotFoundError:
        return


def _inflated(chunk: bytes) -> Iterator[bytes]:
    """Whatever in `chunk` is a zlib or gzip stream, unpacked as far as it goes."""
    for start in STREAMS.finditer(chunk):
        unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32)
        try:
            data = unpacker.decompress(chunk[start.start() :][:MOST_INFLATED], MOST_INFLATED)
        except zlib.error:
            continue
        if len(data) >= FRAGMENT:
            yield data
