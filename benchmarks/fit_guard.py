"""Fit the guard's coefficients: `python -m benchmarks.fit_guard` writes guard/coefficients/* and its provenance.

Only MIT and CC BY slices and the project's own sentences are used (never LoCoMo, never PoisonedRAG). Benign groups are
split by hash into a half that teaches and a half that calibrates; no group stands in both.
"""

from __future__ import annotations

import hashlib
import json
import random
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from benchmarks.fit_instruction import harmless, orders, teaches, train, written
from benchmarks.guard_data import Text, benign, data_folder, directives, embedder
from guard.normalise import normalise
from guard.paths import build_path
from guard.signals.consensus import opposition
from guard.signals.directives import SHAPES
from guard.signals.instruction import Coefficients, score
from guard.types import Candidate, EvidenceItem
from guard.values import terms

Floats = NDArray[np.float32]
OUT = Path(__file__).resolve().parents[1] / "guard" / "coefficients"
SEED = 20
EMBEDDED = {"chat-user": 700, "chat-assistant": 700}
TAIL = np.array([
    0.5, 0.3, 0.2, 0.15, 0.12, 0.1, 0.07, 0.06, 0.05, 0.04, 0.03, 0.025, 0.02, 0.018, 0.015, 0.012, 0.01, 0.008, 0.0075,
    0.006, 0.005, 0.004, 0.003, 0.0025, 0.002, 0.0015, 0.001, 0.0005,
])  # fmt: skip
"""Shares at which tails are kept; what a signal gets of 1, 2, 3 or 5 % (0.6 or 0.4 of it) is among them."""
COMMON = 4000
SOURCES = {
    "injections/injections_dev.json": "MIT (BIPIA, Giskard, benign e-mails)",
    "longmemeval/oracle_dev.json.gz": "MIT (LongMemEval)",
    "strategyqa/traces_dev.json": "MIT (StrategyQA)",
    "ehr/episodes_dev.json": "MIT (EhrAgent)",
    "pii/presidio_dev.json": "MIT (presidio-research, synthetic)",
    "pii/wnut17train.conll": "CC BY 4.0 (WNUT-17)",
}
PROVENANCE = """# Where these numbers come from

Written by `python -m benchmarks.fit_guard`; run it again to make them anew. They are weights, quantiles and a list of
frequent stems: none of the texts they were fitted from is here. Directives of the project's own writing come from
`benchmarks/guard_directives.py`. LoCoMo and PoisonedRAG were not used.

| file | licence and origin | sha256 |
|---|---|---|
{rows}

- `instruction.npz`: a logistic regression over hashed n-grams of words, word classes and bare structure, and sentence
shapes (`benchmarks/fit_instruction.py`); harmless sentences and directives in six languages of the project's own come
from `benchmarks/guard_harmless.py`, `guard_directives.py` and `guard_tongues.py`.
- `word_classes.txt`: 128 classes of common words by their single-word MiniLM embeddings (Apache-2.0), written by
`python -m benchmarks.fit_classes`; no data set was read for it.
- `calibration.json`: upper quantiles of benign scores by channel, from groups that taught nothing; every group weighs
the same.
- `common_words.txt`: the 4000 stems found in the most independent texts.
"""


def tail(groups: Sequence[str], scores: Sequence[float]) -> dict[str, object]:
    """Upper quantiles of the scores with every group weighing the same, however many records it has."""
    counts: dict[str, int] = defaultdict(int)
    for group in groups:
        counts[group] += 1
    order = np.argsort(scores)[::-1]
    weight = np.cumsum([1 / counts[groups[row]] for row in order]) / len(counts)
    ranks = np.minimum(np.searchsorted(weight, TAIL), len(order) - 1)
    return {
        "records": len(scores),
        "groups": len(counts),
        "tail": [[float(p), round(float(scores[order[rank]]), 3)] for p, rank in zip(TAIL, ranks, strict=True)],
    }


def sample_for_embedding(texts: Sequence[Text]) -> list[Text]:
    source = random.Random(SEED)
    found: list[Text] = []
    for kind in sorted({text.kind for text in texts} - {"notes"}):
        rows = [text for text in texts if text.kind == kind]
        found += source.sample(rows, min(len(rows), 2 * EMBEDDED.get(kind, 700)))
    return found


def calibrate(texts: Sequence[Text], embedded: Sequence[Text], model: Coefficients) -> dict[str, object]:
    """Per channel: what benign texts score that taught nothing."""
    found: dict[str, object] = {}
    notes = [text for text in texts if text.kind == "notes" and not teaches(text.group)]
    for channel, own in (("external", False), ("own", True)):
        rows = [text for text in embedded if text.own is own and not teaches(text.group)] + notes
        scores = [score(normalise(text.text).text, model) for text in rows]
        found[f"{channel}/instruction"] = tail([text.group for text in rows], scores)
    return found


def calibrate_consensus(embedded: Sequence[Text], vectors: Floats) -> dict[str, object]:
    """How strongly benign texts seem to contradict the eight nearest of other groups, were those all settled.

    Synthetic sentences are left out: one template with two invented names is a contradiction made on purpose. The
    e-mails are nearly all one bank's, which is one source and no witness against itself.
    """
    voice = [text.kind if text.kind == "email" else text.group for text in embedded]
    rows = [row for row, text in enumerate(embedded) if text.kind not in ("chat-assistant", "synthetic")]
    paths = {row: build_path(Candidate(content=embedded[row].text)) for row in rows}
    near = vectors[rows] @ vectors[rows].T
    groups, scores = [], []
    for place, row in enumerate(rows):
        order = [rows[other] for other in np.argsort(-near[place])[:24] if voice[rows[other]] != voice[row]][:8]
        items = tuple(
            EvidenceItem(
                UUID(int=other), 1, paths[other], float(vectors[row] @ vectors[other]), voice[other], 0.6, settled=True
            )
            for other in order
        )
        groups.append(voice[row])
        scores.append(opposition(paths[row], items).score)
    return tail(groups, scores)


def main() -> None:
    """With the word `instruction` as argument, all else (which needs embeddings) stays as it was."""
    texts = benign()
    embedded = sample_for_embedding(texts)
    model = train([*harmless(), *orders([*directives(), *written()])])
    calibration = json.loads((OUT / "calibration.json").read_text()) | calibrate(texts, embedded, model)
    if "instruction" not in sys.argv[1:]:
        vectors = embedder().embed([text.text[:4000] for text in embedded])
        calibration["all/consensus"] = calibrate_consensus(embedded, vectors)
        words = common_words([text for text in texts if text.kind != "notes"])
        (OUT / "common_words.txt").write_text("\n".join(words) + "\n")
    write(model, calibration)


def common_words(texts: Sequence[Text]) -> list[str]:
    """The stems that stand in the most independent groups; sharing them says nothing about two claims."""
    seen: dict[str, set[str]] = defaultdict(set)
    for text in texts:
        for word in terms(text.text):
            if word.isalpha() and word.isascii():
                seen[word].add(text.group)
    return sorted(sorted(seen, key=lambda word: (-len(seen[word]), word))[:COMMON])


def write(model: Coefficients, calibration: dict[str, object]) -> None:
    np.savez_compressed(
        OUT / "instruction.npz", names=np.array(list(SHAPES)), ngrams=model.ngrams.astype(np.int8),
        shapes=model.shapes.astype(np.int16), bias=np.float64(model.bias),
    )  # fmt: skip
    (OUT / "calibration.json").write_text(json.dumps(calibration, sort_keys=True, separators=(",", ":")) + "\n")
    hashes = {name: hashlib.sha256((data_folder() / name).read_bytes()).hexdigest() for name in SOURCES}
    rows = "\n".join(f"| `{name}` | {SOURCES[name]} | `{digest[:16]}…` |" for name, digest in hashes.items())
    (OUT / "PROVENANCE.md").write_text(PROVENANCE.format(rows=rows))


if __name__ == "__main__":
    main()
