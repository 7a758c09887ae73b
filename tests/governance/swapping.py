"""A second embedder, and ways to see which generation answers."""

import hashlib

import numpy as np

from foundation.kernel.scope import tenant_transaction
from foundation.search import generations, models
from foundation.search.embedders import HashEmbedder
from foundation.search.models import Swap
from governance.services import swap_index
from tests.governance.builders import drain

OTHER = "tests.governance.swapping.Pairs"


class Pairs(HashEmbedder):
    """Another hash, of another dimension: vectors of the two cannot be mistaken for each other."""

    name = "pairs@1"
    dim = 96

    def _add(self, row, text):
        row[0] = 1e-3
        for word in text.casefold().split():
            digest = hashlib.blake2b(b"pairs" + word.encode(), digest_size=8).digest()
            row[int.from_bytes(digest[:4]) % self.dim] += 1.0 if digest[4] & 1 else -1.0
        row /= np.linalg.norm(row)


class Constant(HashEmbedder):
    """Knows nothing: every text has the same vector."""

    name = "constant@1"
    dim = 8

    def _add(self, row, text):
        row[:] = np.float32(1 / np.sqrt(self.dim))


CONSTANT = "tests.governance.swapping.Constant"


def swap(**asked):
    """A swap taken to its end by the worker."""
    begun = swap_index.begin(Swap.Cause.OPERATOR, **asked)
    for _ in range(50):
        drain()
        if (last := swap_index.latest()).state not in swap_index.OPEN:
            break
    assert last.id == begun.id
    return last


def finish(begun):
    """A swap taken to its end here and now, whatever time it is."""
    for _ in range(200):
        if (last := swap_index.work_on(begun.id)).state not in swap_index.OPEN:
            return last
    return last


def numbers():
    """The live generations."""
    return [one.number for one in generations.live()]


def rows(number):
    """How many rows the PostgreSQL engine has of one generation, tombstones included."""
    with tenant_transaction():
        return models.Entry.objects.filter(generation=number).count()
