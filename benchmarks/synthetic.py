"""Documents and plans without any text: drawn term ids and unit vectors, for measuring engines at size.

Terms follow a Zipf law over 20,000 ids; vectors stand in clusters, as embeddings do (points drawn evenly in 384
dimensions have no neighbours, and a graph over them tells nothing about real ones).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import numpy as np

DIM = 384
VOCABULARY = 20_000
TOPICS = 500
SPREAD = 0.7  # how far a record lies from its topic, as a share of what is drawn
NAMES = UUID("6d656d77-7269-5400-8000-73796e746865")
START = datetime(2026, 1, 1, tzinfo=UTC)


def space(number: int) -> UUID:
    return UUID(int=number + 1)


class Maker:
    """Draws the same from the same seed. For the tenant in scope, in its active generation."""

    def __init__(self, seed: int, *, spaces: int = 5) -> None:
        self.seed, self.spaces = seed, spaces
        self._draw = np.random.default_rng(seed)
        self._topics = _unit(np.random.default_rng(1).standard_normal((TOPICS, DIM)))
        # A topic has words of its own: half of what is said.
        self._words = np.random.default_rng(2).integers(1, VOCABULARY, size=(TOPICS, 40))

    def documents(self, count: int, first: int = 0) -> list[Any]:
        """`count` documents, numbered from `first`: their ids depend on the number alone."""
        topics = self._draw.integers(TOPICS, size=count)
        vectors, generation = self._vectors(topics), self._generation()
        return [
            self._document(first + place, int(topic), vectors[place], generation) for place, topic in enumerate(topics)
        ]

    def plans(self, count: int, k: int = 10) -> list[Any]:
        """Questions of eight terms, within every space."""
        from foundation.search.port import Plan

        topics = self._draw.integers(TOPICS, size=count)
        vectors, generation = self._vectors(topics), self._generation()
        return [
            Plan(
                generation=generation,
                spaces=None,
                roles=frozenset({"agent"}),
                terms=dict.fromkeys(self._terms(int(topic), 8), 1.0),
                vector=vectors[place],
                at=START + timedelta(days=300),
                k=k,
            )
            for place, topic in enumerate(topics)
        ]

    def _vectors(self, topics: Any) -> Any:
        noise = _unit(self._draw.standard_normal((len(topics), DIM)))
        return _unit(self._topics[topics] * (1 - SPREAD) + noise * SPREAD).astype(np.float32)

    def _terms(self, topic: int, count: int) -> Counter[int]:
        common = np.minimum(self._draw.zipf(1.3, size=count - count // 2), VOCABULARY)
        own = self._words[topic][self._draw.integers(40, size=count // 2)]
        return Counter(int(term) for term in (*common, *own))

    def _document(self, number: int, topic: int, vector: Any, generation: int) -> Any:
        from foundation.kernel.scope import current_tenant
        from foundation.search.analysis import K1, MEAN_LENGTH, B
        from foundation.search.port import Collection, Document

        counts = self._terms(topic, 24)
        short = K1 * (1 - B + B * 24 / MEAN_LENGTH)
        return Document(
            tenant_id=current_tenant(),
            collection=Collection.MEMORY,
            space_id=space(number % self.spaces),
            id=uuid5(NAMES, str(number)),
            version=1,
            rev=1,
            state="active",
            kind="episodic",
            labels=frozenset(),
            subjects=frozenset(),
            group=(number // 20).to_bytes(16),
            position=number % 20,
            valid_from=None,
            valid_to=None,
            recorded_at=START,
            superseded_at=None,
            expires_at=None,
            terms={term: count * (K1 + 1) / (count + short) for term, count in counts.items()},
            vector=vector,
            generation=generation,
        )

    def _generation(self) -> int:
        from foundation.search import generations

        return generations.active("synthetic@1", DIM).number


def put(documents: Sequence[Any]) -> int:
    from foundation.kernel.scope import tenant_transaction
    from foundation.search.engine import engine

    with tenant_transaction():
        return engine().put(documents)


def search(plan: Any) -> list[Any]:
    from foundation.kernel.scope import tenant_transaction
    from foundation.search.engine import engine

    with tenant_transaction():
        return engine().search(plan)


def _unit(rows: Any) -> Any:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)
