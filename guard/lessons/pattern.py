"""A lesson's pattern: a reasoning path with every value replaced by its kind or by a keyed hash.

Nothing a stranger wrote is readable in it: shapes, effects and kinds are closed words of ours; a function's name stands
readable only if it is itself a verb of the guard's vocabulary; what recurs of a text is kept as keyed hashes of its
three-term runs.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from guard.paths import function_effect
from guard.types import Effect, Path, Shape, ValueKind
from guard.vocabulary import DELETING, READING, SENDING, WRITING

VERBS = DELETING | SENDING | WRITING | READING
CHANGING = (Effect.WRITE, Effect.DELETE, Effect.EXFIL)
MOST_GRAMS = 96
"""Hashed three-term runs kept of one path."""
FEWEST_GRAMS = 3
"""What shares fewer runs than this shares a phrase, not a pattern."""
FITTING = 0.5
"""A path fits when it has this share of a lesson's runs."""


class Family(StrEnum):
    """What kind of attack or outcome a lesson is about. Closed: lessons speak of nothing else."""

    INSTRUCTION = "instruction"
    HIDDEN_TEXT = "hidden-text"
    EXFILTRATION = "exfiltration"
    FORGED = "forged-provenance"
    DESTRUCTION = "destruction"
    UNSEEN_EFFECT = "unseen-effect"
    REDIRECT = "redirect"
    CONTRADICTION = "contradiction"
    FAILURE = "failure"
    SUCCESS = "success"


_GRAVEST: tuple[tuple[Family, frozenset[str]], ...] = (
    (Family.DESTRUCTION, frozenset({"destructive-effect"})),
    (Family.EXFILTRATION, frozenset({"exfiltration"})),
    (Family.FORGED, frozenset({"forged-provenance"})),
    (Family.INSTRUCTION, frozenset({"override-directive", "directive", "encoded-directive", "user-override"})),
    (Family.HIDDEN_TEXT, frozenset({"hidden-unicode"})),
    (Family.UNSEEN_EFFECT, frozenset({"effect-unseen"})),
    (Family.REDIRECT, frozenset({"ungrounded-id", "id-redirect"})),
    (Family.CONTRADICTION, frozenset({"claim-conflict", "slot-flip"})),
)
_BY_EFFECT = frozenset({Family.DESTRUCTION, Family.UNSEEN_EFFECT, Family.EXFILTRATION})


def family_of(reasons: Iterable[str]) -> Family | None:
    """The family of a verdict's reasons, the gravest first; None where nothing was found that could be learnt from."""
    given = set(reasons)
    return next((family for family, codes in _GRAVEST if codes & given), None)


@dataclass(frozen=True, slots=True)
class Pattern:
    """What a path has to be like. Empty parts ask for nothing; `functions` and `grams` are sets, kept sorted."""

    shape: Shape | None = None
    effect: Effect = Effect.NONE
    functions: tuple[str, ...] = ()
    slots: tuple[ValueKind, ...] = ()
    grams: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether no path could fit it: it names no function, no run and no effect that changes anything."""
        return not (self.functions or self.grams or self.effect in CHANGING)

    def to_json(self) -> dict[str, Any]:
        return {
            "shape": self.shape.value if self.shape else None,
            "effect": self.effect.value,
            "functions": list(self.functions),
            "slots": [slot.value for slot in self.slots],
            "grams": list(self.grams),
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Pattern:
        return cls(
            shape=Shape(raw["shape"]) if raw["shape"] else None,
            effect=Effect(raw["effect"]),
            functions=tuple(raw["functions"]),
            slots=tuple(ValueKind(slot) for slot in raw["slots"]),
            grams=tuple(raw["grams"]),
        )


@dataclass(frozen=True, slots=True)
class Fit:
    """How a path fits a pattern: by what, and how surely (0..1)."""

    match: str
    confidence: float


def hashed(key: bytes, kind: str, text: str) -> str:
    """16 hex digits of a keyed hash, under the tenant's look-up key."""
    return hmac.digest(key, f"lesson:{kind}\0{text}".encode(), hashlib.sha256)[:8].hex()


def view(path: Path, key: bytes) -> Pattern:
    """The whole of a path as a pattern: what lessons are compared with. Pure in the path and the tenant's key."""
    return Pattern(
        shape=path.shape,
        effect=path.effect,
        functions=named(path.functions, key),
        slots=tuple(sorted({value.kind for value in path.values})),
        grams=_grams(path, key),
    )


def named(functions: Iterable[str], key: bytes) -> tuple[str, ...]:
    """Function names as patterns hold them: our own verbs as they are, every other name hashed."""
    return tuple(sorted({name if name in VERBS else hashed(key, "function", name) for name in functions}))


def distil(path: Path, family: Family, key: bytes) -> Pattern | None:
    """What of a path is worth remembering, or None where too little is left to tell it from others.

    An attack by its effect is known by the functions that have it; every other one by what recurs of its wording.
    """
    seen = view(path, key)
    grave = named((name for name in path.functions if function_effect(name) in CHANGING), key)
    if family in _BY_EFFECT and grave and path.effect in CHANGING:
        return replace(seen, functions=named(_gravest(path), key) or grave, grams=())
    return replace(seen, functions=()) if len(seen.grams) >= FEWEST_GRAMS else None


def outline(path: Path, key: bytes) -> Pattern:
    """A path's effect and functions alone, for what an outcome taught: such a lesson advises and never holds."""
    return replace(view(path, key), grams=())


def fit(pattern: Pattern, seen: Pattern) -> Fit | None:
    """How what was `seen` fits the pattern, or None."""
    if pattern.empty:
        return None
    if pattern.grams:
        return _fit_grams(pattern, seen)
    if pattern.effect is not seen.effect:
        return None
    if pattern.functions:
        return Fit("functions", 0.95) if set(pattern.functions) <= set(seen.functions) else None
    return Fit("effect", 0.9) if pattern.effect in CHANGING else None


def shared(pattern: Pattern, seen: Pattern) -> tuple[str, ...]:
    """The runs both have."""
    return tuple(sorted(set(pattern.grams) & set(seen.grams)))


def without(pattern: Pattern, grams: Iterable[str]) -> Pattern:
    """The pattern less these runs."""
    gone = set(grams)
    return replace(pattern, grams=tuple(gram for gram in pattern.grams if gram not in gone))


def same_kind(pattern: Pattern, seen: Pattern) -> bool:
    """Whether two patterns could be one attack seen twice: for those known by wording, a few runs in common."""
    if (pattern.shape, pattern.effect, pattern.functions) != (seen.shape, seen.effect, seen.functions):
        return False
    if not pattern.grams or not seen.grams:
        return pattern.grams == seen.grams
    common = len(shared(pattern, seen))
    return common >= FEWEST_GRAMS and common >= 0.2 * min(len(pattern.grams), len(seen.grams))


def narrowed(pattern: Pattern, seen: Pattern) -> Pattern:
    """What two sightings of one attack have in common: the runs that recur are the trigger, the rest was the victim."""
    slots = tuple(slot for slot in pattern.slots if slot in seen.slots)
    return replace(pattern, slots=slots, grams=shared(pattern, seen))


def _fit_grams(pattern: Pattern, seen: Pattern) -> Fit | None:
    common = len(shared(pattern, seen))
    share = common / len(pattern.grams)
    alike = pattern.shape in (None, seen.shape) and set(pattern.slots) <= set(seen.slots)
    return Fit("grams", round(share, 2)) if alike and common >= FEWEST_GRAMS and share >= FITTING else None


def _gravest(path: Path) -> list[str]:
    return [name for name in path.functions if function_effect(name) is path.effect]


def _grams(path: Path, key: bytes) -> tuple[str, ...]:
    runs = [*_runs(path.relation), *_runs(path.question)]
    return tuple(sorted({hashed(key, "gram", "\x1f".join(run)) for run in runs[:MOST_GRAMS]}))


def _runs(terms: Sequence[str]) -> list[tuple[str, str, str]]:
    return list(zip(terms, terms[1:], terms[2:], strict=False))
