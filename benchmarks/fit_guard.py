"""Fit the guard's coefficients: `python -m benchmarks.fit_guard` writes guard/coefficients/* and its provenance.

Only MIT and CC BY slices and the project's own sentences are used (never LoCoMo, never PoisonedRAG). Benign groups are
split by hash into a half that teaches and a half that calibrates; no group stands in both.
"""

from __future__ import annotations

import hashlib
import json
import random
import sys
import zlib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from benchmarks.guard_data import Text, benign, data_folder, directives, embedder
from benchmarks.guard_directives import own_directives
from guard.normalise import normalise
from guard.paths import build_path
from guard.signals.consensus import opposition
from guard.signals.directives import SHAPES
from guard.signals.instruction import BUCKETS, Coefficients, buckets, score, shapes_of, units
from guard.types import Candidate, EvidenceItem
from guard.values import terms

Floats = NDArray[np.float32]
OUT = Path(__file__).resolve().parents[1] / "guard" / "coefficients"
SEED = 20
SAMPLE = {"chat-user": 3000, "chat-assistant": 12000}
EMBEDDED = {"chat-user": 700, "chat-assistant": 700}
WEIGHTS = {"bipia-text": 4.0, "bipia-code": 2.0, "giskard": 1.0, "own": 1.0, "chat-user": 0.3}
TAIL = np.array(
    [
        0.5,
        0.3,
        0.2,
        0.15,
        0.1,
        0.07,
        0.05,
        0.04,
        0.03,
        0.025,
        0.02,
        0.015,
        0.01,
        0.0075,
        0.005,
        0.004,
        0.003,
        0.002,
        0.0015,
        0.001,
        0.0005,
    ]
)


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

- `instruction.npz`: logistic regressions over sentence shapes and hashed n-grams, and over the MiniLM embedding.
- `calibration.json`: upper quantiles of benign scores by channel, from groups that taught nothing; every group weighs
the same.
- `common_words.txt`: the 4000 stems found in the most independent texts.
"""


def teaches(group: str) -> bool:
    return zlib.crc32(group.encode()) % 2 == 0


def descend(
    columns: Sequence[Sequence[int]],
    values: Sequence[Sequence[float]],
    labels: Floats,
    weights: Floats,
    size: int,
    ridge: float,
) -> tuple[Floats, float]:
    """Weighted logistic regression by Adam over sparse rows; the intercept is not penalised."""
    width = max(map(len, columns))
    index = np.full((len(columns), width), size, dtype=np.int64)
    value = np.zeros((len(columns), width), dtype=np.float32)
    for row, (cols, vals) in enumerate(zip(columns, values, strict=True)):
        index[row, : len(cols)], value[row, : len(vals)] = cols, vals
    theta, bias = np.zeros(size + 1, dtype=np.float32), 0.0
    first, second, step = np.zeros(size + 2), np.zeros(size + 2), 0
    source = np.random.default_rng(SEED)
    for epoch in range(14):
        for batch in np.array_split(source.permutation(len(labels)), max(1, len(labels) // 256)):
            step += 1
            z = (theta[index[batch]] * value[batch]).sum(1) + bias
            error = weights[batch] * (1 / (1 + np.exp(-z)) - labels[batch])
            gradient = np.zeros(size + 2)
            np.add.at(gradient, index[batch].ravel(), (error[:, None] * value[batch]).ravel() / len(batch))
            gradient[:size] += ridge * theta[:size] / len(labels) * 256
            gradient[size], gradient[size + 1] = 0, error.mean()
            first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
            move = (
                (0.03 if epoch < 9 else 0.008)
                * (first / (1 - 0.9**step))
                / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
            )
            theta[:size] -= move[:size].astype(np.float32)
            bias -= float(move[size + 1])
    return theta[:size], bias


def surface_rows(texts: Sequence[str]) -> tuple[list[list[int]], list[list[float]]]:
    columns, values = [], []
    for unit in texts:
        grams, shapes = buckets(unit), [BUCKETS + index for index in shapes_of(unit)]
        columns.append([*grams, *shapes])
        values.append([1 / max(1.0, len(grams) ** 0.5)] * len(grams) + [1.0] * len(shapes))
    return columns, values


def teaching_units(texts: Sequence[Text]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for text in texts:
        if teaches(text.group):
            found[text.kind] += units(normalise(text.text).text)[:60]
    source = random.Random(SEED)
    return {
        kind: source.sample(rows, SAMPLE[kind]) if len(rows) > SAMPLE.get(kind, 1 << 30) else rows
        for kind, rows in found.items()
    }


def attack_units(texts: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Each short attack whole; of a long one the sentences that have a shape, for much of it is story."""
    found = []
    for family, text in texts:
        plain = normalise(text).text
        if len(plain) <= 1500:
            found.append((family, plain))
        if len(plain) > 400:
            found += [(family, unit) for unit in units(plain) if len(shapes_of(unit)) >= 2]
    return found


def fit_surface(attacks: Sequence[tuple[str, str]], kinds: dict[str, list[str]]) -> tuple[Floats, float]:
    rows = [(text, 1.0, WEIGHTS[family.split("/")[0]]) for family, text in attack_units(attacks)]
    rows += [(text, 0.0, WEIGHTS.get(kind, 1.0)) for kind, texts in kinds.items() for text in texts]
    columns, values = surface_rows([text for text, _, _ in rows])
    labels, weights = (np.array([row[column] for row in rows], dtype=np.float32) for column in (1, 2))
    return descend(columns, values, labels, weights, BUCKETS + len(SHAPES), ridge=0.02)


def fit_dense(attacks: Floats, families: Sequence[str], harmless: Floats, kinds: Sequence[str]) -> tuple[Floats, float]:
    matrix = np.vstack([attacks, harmless])
    labels = np.concatenate([np.ones(len(attacks)), np.zeros(len(harmless))]).astype(np.float32)
    weights = np.array(
        [*(WEIGHTS[family.split("/")[0]] for family in families), *(WEIGHTS.get(kind, 1.0) for kind in kinds)],
        dtype=np.float32,
    )
    columns = [range(matrix.shape[1])] * len(matrix)
    return descend(columns, matrix.tolist(), labels, weights, matrix.shape[1], ridge=0.05)


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


def fit(
    attacks: Sequence[tuple[str, str]],
    texts: Sequence[Text],
    embedded: Sequence[Text],
    vectors: Floats,
    bad: dict[str, Floats],
) -> Coefficients:
    """Both models from the teaching half; `bad` holds the vectors of the attacks that are embedded."""
    taught = [row for row, text in enumerate(embedded) if teaches(text.group)]
    known = [(family, bad[text]) for family, text in attacks if text in bad]
    dense, dense_bias = fit_dense(
        np.array([vector for _, vector in known]),
        [family for family, _ in known],
        vectors[taught],
        [embedded[row].kind for row in taught],
    )
    surface, bias = fit_surface(attacks, teaching_units(texts))
    return Coefficients(surface[:BUCKETS], surface[BUCKETS:], dense, bias, dense_bias)


def calibrate(
    texts: Sequence[Text], embedded: Sequence[Text], vectors: Floats, model: Coefficients
) -> dict[str, object]:
    """Per channel: what benign texts score that taught nothing."""
    found: dict[str, object] = {}
    notes = [text for text in texts if text.kind == "notes" and not teaches(text.group)]
    for channel, own in (("external", False), ("own", True)):
        rows = [row for row, text in enumerate(embedded) if text.own is own and not teaches(text.group)]
        plain = [normalise(embedded[row].text).text for row in rows]
        groups = [embedded[row].group for row in rows]
        found[f"{channel}/instruction"] = tail(
            groups, [score(text, vectors[row], model) for text, row in zip(plain, rows, strict=True)]
        )
        plain, groups = plain + [text.text for text in notes], groups + [text.group for text in notes]
        found[f"{channel}/instruction-surface"] = tail(groups, [score(text, None, model) for text in plain])
    found["all/consensus"] = calibrate_consensus(embedded, vectors)
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
    texts = benign()
    attacks = [*directives(), *(("own", text) for text in own_directives(2600, SEED))]
    embedded = sample_for_embedding(texts)
    print(f"{len(texts)} benign texts, {len(attacks)} directives, embedding {len(embedded)}", file=sys.stderr)
    vectors, bad = embed(embedded, attacks)
    model = fit(attacks, texts, embedded, vectors, bad)
    write(model, calibrate(texts, embedded, vectors, model))


def embed(embedded: Sequence[Text], attacks: Sequence[tuple[str, str]]) -> tuple[Floats, dict[str, Floats]]:
    model = embedder()
    chosen = [text for family, text in attacks if family != "own"] + [
        text for family, text in attacks if family == "own"
    ][:800]
    return model.embed([text.text[:4000] for text in embedded]), dict(
        zip(chosen, model.embed([text[:4000] for text in chosen]), strict=True)
    )


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
        OUT / "instruction.npz", names=np.array(list(SHAPES)), ngrams=model.ngrams.astype(np.float16),
        shapes=model.shapes.astype(np.float16),
        dense=model.dense.astype(np.float16), surface_bias=np.float32(model.surface_bias),
        dense_bias=np.float32(model.dense_bias),
    )  # fmt: skip
    (OUT / "calibration.json").write_text(json.dumps(calibration, sort_keys=True, separators=(",", ":")) + "\n")
    (OUT / "common_words.txt").write_text(
        "\n".join(common_words([text for text in benign() if text.kind != "notes"])) + "\n"
    )
    hashes = {name: hashlib.sha256((data_folder() / name).read_bytes()).hexdigest() for name in SOURCES}
    rows = "\n".join(f"| `{name}` | {SOURCES[name]} | `{digest[:16]}…` |" for name, digest in hashes.items())
    (OUT / "PROVENANCE.md").write_text(PROVENANCE.format(rows=rows))


if __name__ == "__main__":
    main()
