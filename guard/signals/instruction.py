"""`instruction`: does the text give orders to the machine that will read it?

Two linear models, fitted by `benchmarks/fit_guard.py`: one over the shapes and hashed word n-grams of each sentence, so
that one planted line in a long letter is seen, one over the embedding of the whole text. The score is their soft
maximum.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from io import BytesIO
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from guard.signals.directives import SHAPES, present

Floats = NDArray[np.float32]
BUCKETS = 4096
MODEL = "guard-instruction@1"

_SPLIT = re.compile(r"(?<=[.!?])[\"')\]]*\s+|\n+|\s\|\s?|\|")
_WORD = re.compile(r"[a-z']+|```|[?!:@]")
_SHAPE_NAMES = tuple(SHAPES)


@dataclass(frozen=True, slots=True)
class Coefficients:
    """`ngrams` (BUCKETS,), `shapes` (len(SHAPES),), `dense` (embedding dim,) and the two intercepts; all log-odds."""

    ngrams: Floats
    shapes: Floats
    dense: Floats
    surface_bias: float
    dense_bias: float


@lru_cache(maxsize=1)
def coefficients() -> Coefficients:
    with np.load(BytesIO(files("guard.coefficients").joinpath("instruction.npz").read_bytes())) as data:
        if tuple(data["names"]) != _SHAPE_NAMES:
            raise ValueError("the instruction coefficients were fitted for other shapes: run benchmarks/fit_guard.py")
        ngrams, shapes, dense = (data[name].astype(np.float32) for name in ("ngrams", "shapes", "dense"))
        return Coefficients(ngrams, shapes, dense, float(data["surface_bias"]), float(data["dense_bias"]))


def units(text: str) -> list[str]:
    """The sentences of a text, the whole of it where it is short, and each block of code with the line before it."""
    pieces = [piece.strip() for piece in _SPLIT.split(text) if piece and len(piece.strip()) > 3]
    whole = [text] if len(text) <= 600 and len(pieces) > 1 else []
    return [*whole, *_code_blocks(text), *pieces]


def _code_blocks(text: str) -> list[str]:
    return [match.group()[:1500] for match in re.finditer(r"[^\n]{0,200}\n?```[\s\S]*?(?:```|$)", text)]


@lru_cache(maxsize=65536)
def _bucket(gram: str) -> int:
    return zlib.crc32(gram.encode()) % BUCKETS


def buckets(unit: str) -> list[int]:
    """Hashed words and word pairs of the first 40 words, each once; `^` marks the start, where orders begin."""
    words = ["^", *_WORD.findall(unit.lower())[:40]]
    pairs = [f"{left} {right}" for left, right in pairwise(words)]
    return sorted({_bucket(gram) for gram in [*words[1:], *pairs]})


def shapes_of(text: str) -> list[int]:
    low = text.lower()
    return [index for index, name in enumerate(_SHAPE_NAMES) if present(name, text, low)]


def instruction_score(text: str, embedding: Floats | None = None) -> float:
    """Log-odds that the text instructs its reader; higher is worse. Deterministic for a text and its embedding."""
    return score(text, embedding, coefficients())


def score(text: str, embedding: Floats | None, model: Coefficients) -> float:
    surface = surface_score(text, model)
    if embedding is None:
        return surface
    return float(np.logaddexp(surface, float(embedding @ model.dense) + model.dense_bias))


def surface_score(text: str, model: Coefficients) -> float:
    present = shapes_of(text)
    return max((_unit_score(unit, present, model) for unit in units(text)), default=model.surface_bias)


def _unit_score(unit: str, present: list[int], model: Coefficients) -> float:
    """Words count by the root of their number, so that a long sentence is not an order for being long."""
    shapes = [index for index in present if SHAPES[_SHAPE_NAMES[index]].search(unit)]
    grams = buckets(unit)
    words = float(model.ngrams[grams].sum()) / max(1.0, len(grams) ** 0.5)
    return float(model.surface_bias + words + model.shapes[shapes].sum())
