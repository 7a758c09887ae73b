"""`effect`: an action does something that none of the nearest admitted actions ever did.

A trigger (AgentPoison) pulls a record next to harmless ones and turns their `load` into `delete`. What the neighbours
do
is what this agent does; a new grave effect, or a new function that is not mere reading, is seen at once.
"""

from __future__ import annotations

from dataclasses import dataclass

from guard.paths import WORDS_OF_CHANGE, function_effect
from guard.types import Effect, Episode, EvidenceItem, Path, Ref

ENOUGH = 4
"""Fewer neighbours with an action than this prove nothing about what is usual."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What was found: `unseen` functions or effects, whether the base was too `thin` to say, and the records looked
    at.
    """

    unseen: tuple[str, ...]
    thin: bool
    evidence: tuple[Ref, ...]


def unseen_effects(path: Path, items: tuple[EvidenceItem, ...], neighbours: int) -> Seen:
    acting = [item for item in items if item.path.functions][:neighbours]
    refs = tuple(item.ref for item in acting)
    if len(acting) < ENOUGH:
        return Seen((), True, refs)
    known = {name for item in acting for name in item.path.functions}
    effects = {item.path.effect for item in acting}
    strange = [name for name in path.functions if name not in known and function_effect(name) is not Effect.READ]
    if path.effect not in effects and path.effect not in (Effect.NONE, Effect.READ):
        strange.append(f"effect:{path.effect}")
    return Seen(tuple(strange), False, refs)


def asked_only_to_read(episode: Episode, effect: Effect) -> bool:
    """A question without a word of change, answered by deleting or sending away."""
    words = set(episode.question.lower().replace(",", " ").replace(".", " ").split())
    return effect in (Effect.DELETE, Effect.EXFIL) and not words & WORDS_OF_CHANGE
