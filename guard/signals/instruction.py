"""`instruction`: does the text give orders to the machine that will read it?

A linear model over windows of the text: its sentences, the short text as a whole, and what begins like an order in the
middle of one, so that one planted line in a long letter is seen. A window is described by n-grams of its words, of
their classes (`word_classes.txt`: "jumble" stands where "scramble" was learnt) and of its bare structure (function
words, everything else blanked), and by the shapes of `signals.directives`. Weights are integers, so sums are exact.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from io import BytesIO

import numpy as np
from numpy.typing import NDArray

from guard.pii.entities import Entity
from guard.pii.pseudonyms import TOKEN
from guard.signals.directives import LEADING, SHAPES, present
from guard.vocabulary import ADDRESSED, STARTERS

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
BITS = 16
BUCKETS = 1 << BITS
STEP = 1 / 16
"""What one unit of an integer weight is worth, in log-odds."""
WINDOW = 48
MANY, MOST = 0.03, 50
"""How much a text's score falls with every sentence after its first, up to so many: the worst of many is bad by chance
alone. No further, for an order must not hide behind filling.
"""

_SPLIT = re.compile(r"(?<=[.!?])[\"')\]]*\s+|\n+|\s\|\s?|\|")
_CODE = re.compile(r"```[\s\S]*?(?:```|$)")
_TOKEN = re.compile(
    r"https?://\S+|www\.\S+|\b[\w.+-]{1,64}@[\w-]{1,63}\.\w+|\b[\w-]{1,63}\.(?:com|org|net|xyz|io|example)\b|"
    r"[^\W\d_]+(?:['’][^\W\d_]+)?|\d+|```|[?!:@\"“”<>(){}=]"
)
_SHAPE_NAMES = tuple(SHAPES)
_READS_AS = dict.fromkeys(Entity, "Alex")
_READS_AS |= dict.fromkeys((Entity.LOCATION, Entity.ADDRESS), "London")
_READS_AS |= dict.fromkeys((Entity.EMAIL, Entity.URL, Entity.HANDLE, Entity.IP_ADDRESS), "a@b.example")
"""What the model reads where a pseudonym stands, for its letters are chance."""
_BLANK, _NUMBER, _ADDRESS, _START = (zlib.crc32(mark.encode()) for mark in ("_", "0", "<address>", "^"))
_FAMILIES = (("word", 1), ("word", 2), ("kind", 1), ("kind", 2), ("kind", 3), ("bare", 3), ("bare", 4))
_GROUPS = {"word": 0, "kind": 1, "bare": 2}
_PRIMES = (0x9E3779B1, 0x85EBCA6B, 0xC2B2AE35, 0x27D4EB2F)


@dataclass(frozen=True, slots=True)
class Coefficients:
    """`ngrams` (BUCKETS,) and `shapes` (len(SHAPES),), integers in units of STEP; `bias` in log-odds."""

    ngrams: Ints
    shapes: Ints
    bias: float


@dataclass(frozen=True, slots=True)
class Window:
    """Tokens `start` to `end` of a reading, and the text they stand for."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Reading:
    """A text as the model reads it: `ids[view]` (tokens,) for each view of a token; `sentences` counts the pieces."""

    ids: dict[str, Ints]
    windows: tuple[Window, ...]
    sentences: int


@lru_cache(maxsize=1)
def coefficients() -> Coefficients:
    with np.load(BytesIO(files("guard.coefficients").joinpath("instruction.npz").read_bytes())) as data:
        if tuple(data["names"]) != _SHAPE_NAMES:
            raise ValueError("the instruction coefficients were fitted for other shapes: run benchmarks/fit_guard.py")
        return Coefficients(data["ngrams"].astype(np.int64), data["shapes"].astype(np.int64), float(data["bias"]))


@lru_cache(maxsize=1)
def word_classes() -> dict[str, int]:
    """The class of each known word: the number of its line in `word_classes.txt`."""
    lines = files("guard.coefficients").joinpath("word_classes.txt").read_text().splitlines()
    return {word: number for number, line in enumerate(lines) for word in line.split()}


def instruction_score(text: str) -> float:
    """Log-odds that the text instructs its reader; higher is worse. `text` is normalised."""
    return score(TOKEN.sub(_read_as, text), coefficients())


def _read_as(token: re.Match[str]) -> str:
    return _READS_AS[Entity(token["entity"])]


def score(text: str, model: Coefficients) -> float:
    reading = read(text)
    if not reading.windows:
        return model.bias
    found = shapes_of(text)
    surface = window_sums(reading, model.ngrams)
    shaped = [int(model.shapes[window_shapes(window, found)].sum()) for window in reading.windows]
    best = float((surface + shaped).max()) * STEP
    return model.bias + best - MANY * (min(max(1, reading.sentences), MOST) - 1)


def shapes_of(text: str) -> list[int]:
    """Shapes that a window of the text may have: those present, and those that only the head of a window can show."""
    low = text.lower()
    return [index for index, name in enumerate(_SHAPE_NAMES) if name in LEADING or present(name, text, low)]


def window_shapes(window: Window, found: Sequence[int]) -> list[int]:
    """Those of the shapes `found` in the text that the window has itself."""
    return [index for index in found if SHAPES[_SHAPE_NAMES[index]].search(window.text)]


def read(text: str) -> Reading:
    """The windows of a normalised text. Code is one token to the sentence before it, and its lines are read too."""
    pieces = list(_pieces(text))
    tokens: list[str] = []
    windows: list[Window] = []
    prose = 0
    for piece, code, of_prose in pieces:
        found = list(_TOKEN.finditer(piece))
        size = len(tokens)
        windows += [Window(size + first, size + len(found), piece[at:] + code) for first, at in _starts(found)]
        tokens += [match.group() for match in found]
        prose = len(tokens) if of_prose else prose
    if len(text) <= 600 and len(pieces) > 1 and prose:
        windows.append(Window(0, prose, text))
    cut = tuple(Window(one.start, min(one.end, one.start + WINDOW), one.text[:1500]) for one in windows)
    return Reading(_views(tokens), cut, len(pieces))


def _pieces(text: str) -> Iterator[tuple[str, str, bool]]:
    """Sentences of the prose (marked True), then the line before each block of code with the block, then its lines."""
    prose = _CODE.sub(" ``` ", text)
    yield from ((piece.strip(), "", True) for piece in _SPLIT.split(prose) if len(piece.strip()) > 3)
    for match in _CODE.finditer(text):
        before = text[max(0, match.start() - 200) : match.start()].rstrip().rpartition("\n")[2]
        yield f"{before} ```", f"\n{match.group()[:1300]}", False
        yield from ((line.strip(), "", False) for line in match.group().split("\n") if len(line.strip()) > 3)


def _starts(found: Sequence[re.Match[str]]) -> Iterator[tuple[int, int]]:
    """Where windows begin in a piece: at its head, and at a capitalised word within that could open an order."""
    if found:
        yield 0, found[0].start()
    for place in range(1, len(found) - 1):
        word, after, last = (found[place + shift].group() for shift in (0, 1, -1))
        if word[0].isupper() and word[1:].islower() and not after[0].isupper() and last[0].isalnum() and _opens(word):
            yield place, found[place].start()


def _opens(word: str) -> bool:
    low = word.lower()
    return low in STARTERS or low.endswith("ly")


@lru_cache(maxsize=65536)
def _token(word: str) -> tuple[int, int, int]:
    """A token as word, class and blank."""
    low = word.lower().replace("’", "'")
    mark = zlib.crc32(low.encode())
    if low in ADDRESSED:
        return mark, mark, mark
    if low[0].isdigit() and low.isdigit():
        return _NUMBER, _NUMBER, _NUMBER
    if "." in low or "@" in low[1:]:
        return _ADDRESS, _ADDRESS, _ADDRESS
    if not low[0].isalpha():
        return mark, mark, mark
    return mark, zlib.crc32(_kind(low).encode()), _BLANK


def _kind(word: str) -> str:
    known = word_classes()
    number = known.get(word, known.get(word.removesuffix("s"), -1))
    return f"class {number}" if number >= 0 else f"ends {word[-2:]}"


def _views(tokens: Sequence[str]) -> dict[str, Ints]:
    table = np.array([_token(token) for token in tokens], dtype=np.int64).reshape(-1, 3)
    return {"word": table[:, 0], "kind": table[:, 1], "bare": table[:, 2]}


def _hashed(columns: Sequence[Ints], salt: int) -> Ints:
    total = np.full_like(columns[0], (salt + 1) * 0x165667B1)
    for column, prime in zip(columns, _PRIMES, strict=False):
        total = (total ^ (column * prime & 0xFFFFFFFF)) * 0x9E3779B1 & 0xFFFFFFFF
        total ^= total >> 15
    return total >> (32 - BITS)


def _grams(ids: Ints, size: int, salt: int) -> Ints:
    """Bucket of the n-gram that begins at each token: shape (tokens - size + 1,)."""
    count = len(ids) - size + 1
    if count <= 0:
        return np.zeros(0, dtype=np.int64)
    return _hashed([ids[shift : shift + count] for shift in range(size)], salt)


def _heads(ids: Ints, starts: Ints, size: int, salt: int) -> Ints:
    """Bucket of the n-gram made of the start mark and the window's first size-1 tokens."""
    padded = np.concatenate([ids, np.zeros(size, dtype=np.int64)])
    mark = np.full_like(starts, _START)
    return _hashed([mark, *(padded[starts + shift] for shift in range(size - 1))], salt)


def window_rows(reading: Reading) -> list[tuple[list[int], list[float]]]:
    """Buckets and values of each window, for fitting: what `window_sums` adds up, spelt out."""
    rows: list[tuple[list[int], list[float]]] = [([], []) for _ in reading.windows]
    starts = np.array([window.start for window in reading.windows], dtype=np.int64)
    for group in range(3):
        found: list[list[int]] = [[] for _ in reading.windows]
        for salt, (view, size) in enumerate(_FAMILIES):
            if _GROUPS[view] != group:
                continue
            grams = _grams(reading.ids[view], size, salt)
            heads = _heads(reading.ids[view], starts, size, salt) if size > 1 else None
            for row, window in enumerate(reading.windows):
                found[row] += grams[window.start : max(window.start, window.end - size + 1)].tolist()
                if heads is not None and window.end - window.start >= size - 1:
                    found[row].append(int(heads[row]))
        for (columns, values), buckets in zip(rows, found, strict=True):
            columns += buckets
            values += [1 / max(1, len(buckets)) ** 0.5] * len(buckets)
    return rows


def window_sums(reading: Reading, weights: Ints) -> Floats:
    """Each window's weight, in units of STEP: every view's n-grams count by the root of their number."""
    starts = np.array([window.start for window in reading.windows], dtype=np.int64)
    ends = np.array([window.end for window in reading.windows], dtype=np.int64)
    sums, counts = (np.zeros((3, len(starts)), dtype=np.int64) for _ in range(2))
    for salt, (view, size) in enumerate(_FAMILIES):
        group, ids = _GROUPS[view], reading.ids[view]
        running = np.concatenate([[0], np.cumsum(weights[_grams(ids, size, salt)])])
        stop = np.clip(ends - size + 1, starts, None)
        inside = stop > starts
        sums[group] += np.where(inside, running[np.where(inside, stop, 0)] - running[np.where(inside, starts, 0)], 0)
        counts[group] += stop - starts
        if size > 1:
            whole = ends - starts >= size - 1
            sums[group] += np.where(whole, weights[_heads(ids, starts, size, salt)], 0)
            counts[group] += whole
    return (sums / np.sqrt(np.maximum(counts, 1))).sum(axis=0)  # type: ignore[no-any-return]
