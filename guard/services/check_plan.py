"""Check before acting: which lessons should an agent heed, before it does what it plans?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from audit.acts import Act
from audit.services.receipts import receipt
from audit.services.record import record
from foundation.kernel.principal import Principal
from foundation.kernel.scope import tenant_transaction
from foundation.keyring import keys
from foundation.search import index
from foundation.search.engine import engine
from foundation.search.port import Collection, Hit
from guard.lessons import store
from guard.lessons.matching import advice, surest
from guard.lessons.pattern import Fit, Pattern, view
from guard.lessons.port import records
from guard.lessons.reading import active, known
from guard.lessons.wording import Body
from guard.models import Lesson
from guard.paths import build_path
from guard.pii.pool import redactor
from guard.pii.port import PiiUnavailable
from guard.selectors import pii_policy
from guard.types import Candidate, Episode, LessonMatch
from tenants.policy import may, reachable_spaces
from tenants.roles import POLICY

MEANING = 0.35
"""Cosine similarity from which a lesson is about what is planned (MiniLM, seven plans: .36-.49; others: ≤ .30)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What an agent is about to do, and what it knows of the occasion. `space_id` None: every space it reaches."""

    action: str
    context: str = ""
    space_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Advice:
    """A lesson to heed, by what it was found, and how surely it concerns the plan."""

    found: LessonMatch
    body: Body


@dataclass(frozen=True, slots=True)
class Checked:
    advice: list[Advice]
    receipt: dict[str, Any]


def check_plan(principal: Principal, *, plan: Plan) -> Checked:
    """The lessons to heed, surest first. Nothing of the plan is kept; the event names the lessons handed out."""
    policy_id = _policy(principal, plan)
    text = _cleared(f"{plan.action}\n{plan.context}".strip(), policy_id)
    seen, question = _seen(plan, text), _question(principal, plan, text)
    with tenant_transaction(snapshot=True):
        lessons = active(principal, plan.space_id)
        hits = engine().search(question) if lessons else []
    found = _found(seen, lessons, hits)
    bodies = store.bodies([lesson for lesson in lessons if lesson.id in {each.id for each in found}])
    return _hand_out(principal, [Advice(each, bodies[each.id]) for each in found if each.id in bodies])


def _policy(principal: Principal, plan: Plan) -> UUID | None:
    if plan.space_id is None:
        may(principal, Act.GUARD_CHECK)
        return None
    return records().pii_policy(principal, plan.space_id, Act.GUARD_CHECK)


def _cleared(text: str, policy_id: UUID | None) -> str:
    """The plan with its personal data replaced as in what it is compared with; where the pass fails it finds less."""
    try:
        return redactor().tokens(text, pii_policy(policy_id), key=keys.named("pseudonym"))
    except PiiUnavailable:
        return text


def _seen(plan: Plan, text: str) -> Pattern:
    episode = Episode(question=plan.context, action=plan.action)
    path = build_path(Candidate(content=text, episode=episode, source_type="agent"))
    return view(path, keys.named("lookup"))


def _question(principal: Principal, plan: Plan, text: str) -> index.Plan:
    spaces = reachable_spaces(principal) if plan.space_id is None else frozenset({plan.space_id})
    return index.plan(text, spaces=spaces, roles={principal.role}, collection=Collection.LESSON)


def _found(seen: Pattern, lessons: Sequence[Lesson], hits: Sequence[Hit]) -> tuple[LessonMatch, ...]:
    """By pattern and by meaning, each lesson by what makes it surest. The index proposes; the rows decide."""
    by_id = {each.id: each for each in known(lessons)}
    near = {hit.id: hit.dense or 0.0 for hit in hits if hit.id in by_id}
    by_meaning = surest((by_id[each], _meaning(score)) for each, score in near.items() if score >= MEANING)
    best: dict[UUID, LessonMatch] = {}
    for match in (*advice(seen, by_id.values()), *by_meaning):
        if match.id not in best or match.confidence > best[match.id].confidence:
            best[match.id] = match
    return tuple(sorted(best.values(), key=lambda each: (-each.confidence, each.id)))


def _meaning(score: float) -> Fit:
    return Fit("meaning", round(min(score, 1.0), 2))


def _hand_out(principal: Principal, found: list[Advice]) -> Checked:
    """Leave out what was retired meanwhile, and write down what is handed out."""
    with tenant_transaction():
        ids = [each.found.id for each in found]
        left = set(Lesson.objects.filter(id__in=ids, state=Lesson.State.ACTIVE).values_list("id", flat=True))
        kept = [each for each in found if each.found.id in left]
        returned = [[str(each.found.id), each.found.version] for each in kept]
        event = record(principal, Act.GUARD_CHECK, policy=POLICY, detail={"returned": returned})
    return Checked(kept, receipt(event))
