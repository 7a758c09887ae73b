"""The secrets of one index generation: keyed term ids, keyed names, and a rotation that hides what vectors mean.

A rotation keeps every inner product between vectors of the same generation and says nothing about vectors of another.
What it still shows, and to whom, stands in THREAT_MODEL.md: it is pseudonymisation, not encryption.
"""

import hashlib
import hmac
import threading
import time
from collections import OrderedDict

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numpy.typing import NDArray

from foundation.search.embedders import Vectors

IDLE_SECONDS = 20.0  # as long as an unwrapped key may stay in memory unused
_KEPT = 64  # 0.6 MB each at 384 dimensions

_lock = threading.Lock()
_rotations: OrderedDict[bytes, tuple[float, Vectors]] = OrderedDict()


def subkey(index_key: bytes, use: str) -> bytes:
    """A key for one use, from the index key of the generation. 32 bytes."""
    return hmac.digest(index_key, f"memwrit/search/{use}@1".encode(), "sha256")


def keyed(index_key: bytes, kind: str, value: str) -> bytes:
    """A keyed hash of a name (a session, a subject): equal names of one kind are equal, and no more. 16 bytes."""
    return hmac.digest(subkey(index_key, f"name/{kind}"), value.encode(), "sha256")[:16]


def rotate(vectors: Vectors, index_key: bytes) -> Vectors:
    """Each row times the generation's secret orthogonal matrix. Shape (n, dim); norms and inner products are kept."""
    if not len(vectors):
        return vectors
    turned: Vectors = vectors @ rotation(index_key, vectors.shape[1])
    return turned


def rotation(index_key: bytes, dim: int) -> Vectors:
    """The orthogonal matrix of this key: (dim, dim) float32, drawn evenly over all rotations and reflections.

    QR of a Gaussian matrix, the signs fixed by R's diagonal (Mezzadri 2007, arXiv:math-ph/0609050).
    """
    name = hashlib.sha256(index_key + dim.to_bytes(4)).digest()
    now = time.monotonic()
    with _lock:
        _forget_idle(now)
        found = _rotations.pop(name, None)
    matrix = found[1] if found else _draw(subkey(index_key, "rotation"), dim)
    with _lock:
        _rotations[name] = (now, matrix)
        while len(_rotations) > _KEPT:
            _rotations.popitem(last=False)
    return matrix


def _forget_idle(now: float) -> None:
    while _rotations and next(iter(_rotations.values()))[0] < now - IDLE_SECONDS:
        _rotations.popitem(last=False)


def _draw(seed: bytes, dim: int) -> Vectors:
    q, r = np.linalg.qr(_gaussian(seed, dim * dim).reshape(dim, dim))
    matrix: Vectors = (q * np.sign(np.diagonal(r))).astype(np.float32)
    return matrix


def _gaussian(seed: bytes, count: int) -> NDArray[np.float64]:
    """Standard normals from an AES-256-CTR key stream, by Box and Muller: the same on every machine."""
    stream = Cipher(algorithms.AES(seed), modes.CTR(bytes(16))).encryptor().update(bytes(16 * count))
    uniform = (np.frombuffer(stream, dtype="<u8").reshape(2, count) >> np.uint64(11)) * 2.0**-53
    normals: NDArray[np.float64] = np.sqrt(-2 * np.log1p(-uniform[0])) * np.cos(2 * np.pi * uniform[1])
    return normals
