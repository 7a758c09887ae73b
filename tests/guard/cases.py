"""Builders for the guard's tests. Every text here is the project's own."""

from __future__ import annotations

from uuid import UUID

from guard.paths import build_path
from guard.standing import ReadHit
from guard.types import Candidate, Episode, Evidence, EvidenceItem

OPENING = Episode(
    question="when does locker 77-4102 open for courier 12?",
    knowledge="- Lockers are in the locker table.\n- Opening times are in the schedule table.",
    action="db = LoadTable('locker')\nrow = FilterTable(db, 'locker=77-4102')\nanswer = GetValue(row, 'opens')",
    outcome="08:30",
)


def fact(text: str, source: str = "wiki", **more: object) -> Candidate:
    return Candidate(content=text, kind="semantic", source=source, source_type="document", **more)  # type: ignore[arg-type]


def said(text: str, source: str = "chat", **more: object) -> Candidate:
    return Candidate(content=text, kind="semantic", source=source, source_type="conversation", speaker="user", **more)  # type: ignore[arg-type]


def did(episode: Episode, source: str = "run", **more: object) -> Candidate:
    text = f"Question: {episode.question}\nKnowledge: {episode.knowledge}\nSolution: {episode.action}\nAnswer: {episode.outcome}"
    return Candidate(content=text, episode=episode, source=source, source_type="agent", **more)  # type: ignore[arg-type]


def shown(
    number: int,
    candidate: Candidate,
    *,
    group: str = "",
    similarity: float = 0.95,
    trust: float = 0.6,
    own: bool = False,
    settled: bool = True,
) -> EvidenceItem:
    return EvidenceItem(
        UUID(int=number), 1, build_path(candidate), similarity, group or f"group{number}", trust, own, settled
    )


def evidence(*items: EvidenceItem) -> Evidence:
    return Evidence(tuple(items))


def hit(number: int, candidate: Candidate, *, group: str = "", trust: float = 0.3, own: bool = False) -> ReadHit:
    return ReadHit(UUID(int=number), 1, build_path(candidate), 0.9, group or f"group{number}", trust, own)


def openings(count: int) -> list[Episode]:
    """Read-only episodes about different lockers."""
    return [
        Episode(
            OPENING.question.replace("77-4102", f"77-{4200 + number}"),
            OPENING.knowledge,
            OPENING.action.replace("77-4102", f"77-{4200 + number}"),
            OPENING.outcome,
        )
        for number in range(count)
    ]
