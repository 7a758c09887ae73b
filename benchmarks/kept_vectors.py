"""The default embedder with a memory on disk, so that a benchmark asked again does not embed its corpus again.

`EMBEDDER=benchmarks.kept_vectors.Kept` for this process or a server of a benchmark's own. The vectors are the model's,
bit for bit, under its name; the file lies in `.memwrit/bench` (public data only, never a tenant's).
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from foundation.search.embedders import MiniLM, Vectors

FOLDER = Path(__file__).resolve().parents[1] / ".memwrit" / "bench"
_MOST = 500  # names in one statement, and texts embedded before they are kept


class Kept:
    """`MiniLM`, asked only for texts it has not seen. A file for each model; several processes may share it."""

    name = MiniLM.name
    dim = MiniLM.dim

    def __init__(self) -> None:
        self._model = MiniLM()
        self._local = threading.local()

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit rows, float32 of shape (len(texts), dim)."""
        names = [hashlib.sha256(text.encode()).digest() for text in texts]
        known = self._known(names)
        missing = {name: text for name, text in zip(names, texts, strict=True) if name not in known}
        for at in range(0, len(missing), _MOST):
            known |= self._make(dict(list(missing.items())[at : at + _MOST]))
        rows = [known[name] for name in names]
        return np.stack(rows) if rows else np.zeros((0, self.dim), dtype=np.float32)

    def _make(self, missing: dict[bytes, str]) -> dict[bytes, Vectors]:
        made = dict(zip(missing, self._model.embed(list(missing.values())), strict=True))
        with self._file() as file:
            file.executemany(
                "INSERT OR IGNORE INTO vector VALUES (?, ?)", [(name, row.tobytes()) for name, row in made.items()]
            )
        return made

    def _known(self, names: Sequence[bytes]) -> dict[bytes, Vectors]:
        found: dict[bytes, Vectors] = {}
        for at in range(0, len(names), _MOST):
            part = names[at : at + _MOST]
            query = f"SELECT name, vector FROM vector WHERE name IN ({','.join('?' * len(part))})"
            found |= {name: np.frombuffer(row, dtype=np.float32) for name, row in self._file().execute(query, part)}
        return found

    def _file(self) -> sqlite3.Connection:
        """A connection of this thread and process: it does not survive a fork."""
        if getattr(self._local, "pid", None) != os.getpid():
            FOLDER.mkdir(parents=True, exist_ok=True)
            self._local.file = sqlite3.connect(FOLDER / f"{MiniLM.MODEL[2][:12]}.sqlite", timeout=60)
            self._local.file.execute("PRAGMA journal_mode = WAL")
            self._local.file.execute("CREATE TABLE IF NOT EXISTS vector (name BLOB PRIMARY KEY, vector BLOB NOT NULL)")
            self._local.pid = os.getpid()
        found: sqlite3.Connection = self._local.file
        return found
