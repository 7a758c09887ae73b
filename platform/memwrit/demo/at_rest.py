"""What lies on the disk: every file of the stopped server is searched for its memories' words, in six spellings."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path

import re2

from memwrit.demo.acts import Lines, expect
from memwrit.demo.stage import Stage


def at_rest(stage: Stage) -> Lines:
    """No file holds a memory's words; a file planted beside them does, and is found."""
    words = [*stage.story.canaries, *stage.story.private.values]
    expect(bool(stage.first.kept), "no memory was admitted")
    options = re2.Options()
    options.max_mem = 512 * 2**20  # one pass over every file for all words at once
    spellings = re2.compile(b"|".join(re2.escape(each) for word in words for each in _spellings(word)), options)
    control = stage.folder / "control"
    control.write_bytes(b"\0" * 9000 + base64.b64encode(b"x" + words[0].encode()))
    files = [path for path in stage.house.data.resolve().rglob("*") if path.is_file()]
    found = [path for path in (*files, stage.house.log) if spellings.search(path.read_bytes())]
    expect(bool(spellings.search(control.read_bytes())), "the planted words were not found: the search sees nothing")
    expect(not found, f"readable text in {len(found)} files, such as {found[0].name if found else ''}")
    size = sum(path.stat().st_size for path in files) / 2**20
    searched = f"{len(files)} files ({size:.0f} MB) searched for {len(words)} phrases in six spellings"
    return [f"{searched}: nothing; a planted one: found"]


def _spellings(word: str) -> Iterator[bytes]:
    """UTF-8, lower case, UTF-16, hexadecimal, JSON-escaped, and base64 at each of its three phases."""
    plain = word.encode()
    yield from {plain, word.lower().encode(), word.encode("utf-16-le"), plain.hex().encode()}
    yield "".join(f"\\u{ord(sign):04x}" for sign in word).encode()
    for phase in range(3):
        encoded = base64.b64encode(b"\0" * phase + plain)
        # The first group and the last depend on what stands beside the word.
        yield encoded[4 if phase else 0 : -4]


def fingerprint(folder: Path) -> dict[str, bytes]:
    """Every file's content by its digest, to see later that nothing has touched it."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).digest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
