"""The instruction model's fit: windows of benign texts against directives, weighted logistic regression by L-BFGS.

`python -m benchmarks.fit_instruction` writes nothing: it leaves families of attacks out, one fold after the other, and
prints what a model that never saw them makes of them. That, not the fit of the shipped model, is the figure to believe.
"""

from __future__ import annotations

import json
import random
import sys
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.guard_data import Text, benign, directives, emails, locomo
from benchmarks.guard_directives import own_directives
from benchmarks.guard_harmless import own_harmless
from benchmarks.guard_tongues import foreign_directives
from guard.normalise import normalise
from guard.signals.directives import SHAPES, hard_directives
from guard.signals.instruction import BUCKETS, STEP, Coefficients, read, score, shapes_of, window_rows, window_shapes

Doubles = NDArray[np.float64]
Attack = tuple[str, str]
SEED, RIDGE, ROUNDS, SHAPE_VALUE, FOLDS = 20, 1e-5, 70, 0.5, 5
OWN, FOREIGN, HARMLESS = 4000, 500, 1500
TEXTS = {"chat-user": 700, "chat-assistant": 700}
WINDOWS = {"chat-user": 3000, "chat-assistant": 6000, "harmless": 5000}
WEIGHTS = {"bipia-text": 3.0, "bipia-code": 1.5, "own": 1.0, "foreign": 0.6, "chat-user": 0.3, "chat-assistant": 0.6}


@dataclass(frozen=True, slots=True)
class Row:
    """A window to learn from: buckets (shapes behind them), their values, and whether it is an order."""

    columns: tuple[int, ...]
    values: tuple[float, ...]
    order: bool
    weight: float


def teaches(group: str) -> bool:
    """Half of the benign groups teach; the other half calibrates and measures."""
    return zlib.crc32(group.encode()) % 2 == 0


def rows_of(plain: str, order: bool, weight: float) -> list[tuple[str, Row]]:
    reading, found = read(plain), shapes_of(plain)
    rows = []
    for window, (columns, values) in zip(reading.windows, window_rows(reading), strict=True):
        shapes = [BUCKETS + index for index in window_shapes(window, found)]
        row = Row((*columns, *shapes), (*values, *[SHAPE_VALUE] * len(shapes)), order, weight)
        rows.append((window.text, row))
    return rows


def orders(attacks: Sequence[Attack]) -> list[Row]:
    """Each attack as one window, code behind its sentence; of a long one the windows that have two shapes."""
    found = []
    for family, text in attacks:
        plain, weight = normalise(text).text, WEIGHTS.get(family.split("/")[0], 1.0)
        rows = rows_of(plain, True, weight)
        coded = [row for window, row in rows if "```" in window]
        if rows and len(plain) <= 1500:
            whole = [row for window, row in rows if len(window) >= len(plain) - 1]
            found.append((coded or whole or [rows[0][1]])[0])
        if len(plain) > 400 and not coded:
            found += [row for _, row in rows if sum(column >= BUCKETS for column in row.columns) > 1]
    return found


def harmless() -> list[Row]:
    """Windows of the benign texts that teach, and of the project's own."""
    kinds: dict[str, list[str]] = defaultdict(list)
    for text in benign():
        if teaches(text.group):
            kinds[text.kind].append(text.text)
    kinds["harmless"] = own_harmless(HARMLESS, SEED)
    source = random.Random(SEED)
    found = []
    for kind, texts in kinds.items():
        chosen = source.sample(texts, min(len(texts), TEXTS.get(kind, len(texts))))
        weight = WEIGHTS.get(kind, 1.0)
        rows = [row for text in chosen for _, row in rows_of(normalise(text).text, False, weight)[:80]]
        found += source.sample(rows, min(len(rows), WINDOWS.get(kind, len(rows))))
    return found


def written() -> list[Attack]:
    own = [("own", text) for text in own_directives(OWN, SEED)]
    return own + [("foreign", text) for text in foreign_directives(FOREIGN, SEED)]


def train(rows: Sequence[Row]) -> Coefficients:
    theta = fitted(_loss(rows, BUCKETS + len(SHAPES)), BUCKETS + len(SHAPES) + 1)
    whole = np.round(theta[:-1] / STEP)
    shapes = np.round(theta[BUCKETS:-1] * SHAPE_VALUE / STEP).astype(np.int64)
    return Coefficients(np.clip(whole[:BUCKETS], -127, 127).astype(np.int64), shapes, float(theta[-1]))


Loss = Callable[[Doubles], tuple[float, Doubles]]


def _loss(rows: Sequence[Row], size: int) -> Loss:
    """Weighted log loss with a ridge on everything but the intercept, and its gradient."""
    place = np.repeat(np.arange(len(rows)), [len(row.columns) for row in rows])
    column = np.concatenate([row.columns for row in rows]).astype(np.int64)
    value = np.concatenate([row.values for row in rows])
    label = np.array([row.order for row in rows], dtype=np.float64)
    weight = np.array([row.weight for row in rows])
    weight /= weight.sum()

    def loss(theta: Doubles) -> tuple[float, Doubles]:
        z = np.bincount(place, theta[column] * value, minlength=len(rows)) + theta[size]
        error = weight * (1 / (1 + np.exp(-np.clip(z, -40, 40))) - label)
        slope = np.append(np.bincount(column, error[place] * value, minlength=size) + RIDGE * theta[:size], error.sum())
        cost = float((weight * (np.logaddexp(0, z) - label * z)).sum() + RIDGE / 2 * (theta[:size] ** 2).sum())
        return cost, slope

    return loss


def fitted(loss: Loss, size: int, memory: int = 8) -> Doubles:
    """L-BFGS with backtracking; deterministic."""
    theta = np.zeros(size)
    cost, slope = loss(theta)
    pairs: list[tuple[Doubles, Doubles]] = []
    for _ in range(ROUNDS):
        step = _direction(slope, pairs)
        length = 1.0
        while (new := loss(theta - length * step))[0] > cost - 1e-4 * length * (slope @ step) and length > 1e-6:
            length /= 2
        move, change = -length * step, new[1] - slope
        if move @ change > 1e-12:
            pairs = [*pairs[1 - memory :], (move, change)]
        theta, (cost, slope) = theta + move, new
    return theta


def _direction(slope: Doubles, pairs: Sequence[tuple[Doubles, Doubles]]) -> Doubles:
    step, shares = slope.copy(), []
    for move, change in reversed(pairs):
        shares.append((move @ step) / (move @ change))
        step -= shares[-1] * change
    step *= (pairs[-1][0] @ pairs[-1][1]) / (pairs[-1][1] @ pairs[-1][1]) if pairs else 1 / np.abs(slope).max()
    for (move, change), share in zip(pairs, reversed(shares), strict=True):
        step += move * (share - (change @ step) / (move @ change))
    return step


def threshold(groups: Sequence[str], scores: Sequence[float], alpha: float) -> float:
    """The score that a share `alpha` of the groups passes."""
    sizes: dict[str, int] = defaultdict(int)
    for group in groups:
        sizes[group] += 1
    order = np.argsort(scores)[::-1]
    passed = np.cumsum([1 / sizes[groups[place]] for place in order]) / len(sizes)
    return float(scores[order[min(np.searchsorted(passed, alpha), len(order) - 1)]])


def planted(attacks: Sequence[Attack]) -> list[str]:
    """Each attack before, within or behind a benign e-mail."""
    source, letters = random.Random(SEED), [mail.text for mail in emails()]
    found = []
    for _, text in attacks:
        letter = source.choice(letters)[:1200]
        cut = source.choice([0, letter.find(". ") + 1, len(letter)])
        found.append(f"{letter[:cut]} {text} {letter[cut:]}".strip())
    return found


def measured_texts() -> list[Text]:
    source = random.Random(SEED)
    texts = [text for text in [*benign(), *locomo()] if text.kind == "locomo" or not teaches(text.group)]
    kinds = sorted({text.kind for text in texts})
    rows = {kind: [text for text in texts if text.kind == kind] for kind in kinds}
    return [text for kind in kinds for text in source.sample(rows[kind], min(len(rows[kind]), 700))]


def outcome(model: Coefficients, attacks: Sequence[Attack], texts: Sequence[Text], alpha: float) -> dict[str, object]:
    """How many of the attacks are stopped at alpha, alone from outside, alone in a conversation, planted in e-mails."""
    scores = [score(normalise(text.text).text, model) for text in texts]
    bounds = {own: _bound(texts, scores, own, alpha) for own in (False, True)}
    alone = [normalise(text).text for _, text in attacks]
    inside = [normalise(text).text for text in planted(attacks)]
    held: dict[str, list[bool]] = defaultdict(list)
    for text, value in zip(texts, scores, strict=True):
        held[text.kind].append(value > bounds[text.own])
    return {
        "external": [_stopped(text, model, bounds[False]) for text in alone],
        "conversation": [_stopped(text, model, bounds[True]) for text in alone],
        "planted": [_stopped(text, model, bounds[False]) for text in inside],
        "held": {kind: [sum(rows), len(rows)] for kind, rows in held.items()},
    }


def _bound(texts: Sequence[Text], scores: Sequence[float], own: bool, alpha: float) -> float:
    rows = [row for row, text in enumerate(texts) if text.own is own and text.kind not in ("notes", "locomo")]
    return threshold([texts[row].group for row in rows], [scores[row] for row in rows], alpha)


def _stopped(text: str, model: Coefficients, bound: float) -> bool:
    return score(text, model) > bound or bool(hard_directives(text))


def left_out(alpha: float) -> Iterator[dict[str, object]]:
    """First all families left out at once (own sentences alone teach), then a fifth of the families at a time."""
    attacks, texts, benign_rows, own_rows = directives(), measured_texts(), harmless(), orders(written())
    yield {"left_out": "all", **outcome(train([*benign_rows, *own_rows]), attacks, texts, alpha)}
    families = sorted({family for family, _ in attacks})
    for fold in range(FOLDS):
        out = set(families[fold::FOLDS])
        model = train([*benign_rows, *own_rows, *orders([row for row in attacks if row[0] not in out])])
        yield {"left_out": sorted(out), **outcome(model, [row for row in attacks if row[0] in out], texts, alpha)}


def main() -> None:
    alpha, sums = 0.006, defaultdict(list)
    for row in left_out(alpha):
        shares = {name: row[name] for name in ("external", "conversation", "planted")}
        if row["left_out"] != "all":
            for name, found in shares.items():
                sums[name] += found  # type: ignore[arg-type]
        short = {name: round(float(np.mean(found)), 4) for name, found in shares.items()}  # type: ignore[arg-type]
        print(json.dumps({"bench": "instruction", "alpha": alpha, **row, **short}), flush=True)
    totals = {name: [int(sum(found)), len(found)] for name, found in sums.items()}
    print(json.dumps({"bench": "instruction", "alpha": alpha, "left_out": "each family once", **totals}))
    print(totals, file=sys.stderr)


if __name__ == "__main__":
    main()
