"""What the memory operations tell: spans named as OpenTelemetry's conventions for memory name them, and metrics.

Ids, counts and words of our own code. What is wrapped is unchanged; while nothing is told it costs a function call.
"""

from collections.abc import Callable, Sequence
from enum import StrEnum
from functools import wraps
from typing import Any, ParamSpec, TypeVar
from uuid import UUID

from foundation import telemetry
from foundation.kernel.clock import now
from foundation.kernel.problems import Problem, Rejected
from foundation.telemetry import Attribute, Name, Word, instruments
from foundation.telemetry.names import Value
from foundation.telemetry.work import owed_at

P = ParamSpec("P")
R = TypeVar("R")


class Form(StrEnum):
    SINGLE = "single"
    BATCH = "batch"


class Outcome(StrEnum):
    """What became of a submission; `refused`: by quota, rights or PII policy, before or after it was judged."""

    ADMIT = "admit"
    HOLD = "hold"
    REJECT = "reject"
    REFUSED = "refused"


class Layer(StrEnum):
    """What has forgotten, in the order in which it does: no read shows it; no key opens it; the index, probed, does not
    hold it; a certificate says so."""

    UNREADABLE = "unreadable"
    KEYS = "keys"
    INDEX = "index"
    CERTIFICATE = "certificate"


def about(operation: Name) -> dict[Attribute, Value]:
    return {Attribute.OPERATION: operation, Attribute.PROVIDER: Word("memwrit")}


def admissions(act: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
    """Around an admission of one or many: one span, one duration, a decision of each."""

    @wraps(act)
    def told(principal: Any, submissions: Sequence[Any], *, single: bool) -> list[Any]:
        form = Form.SINGLE if single else Form.BATCH
        with telemetry.timed(instruments.ADMISSION_DURATION, form), telemetry.span(Name.CREATE, CREATE) as span:
            try:
                outcomes = act(principal, submissions, single=single)
            except Problem as problem:
                if problem.status < 500:
                    telemetry.record(instruments.ADMISSION_DECISIONS, len(submissions), Outcome.REFUSED)
                raise
            _decided(span, outcomes)
        return outcomes

    return told


def _decided(span: telemetry.Span, outcomes: Sequence[Any]) -> None:
    span.set(Attribute.SUBMITTED, len(outcomes))
    decided = [_decision(outcome) for outcome in outcomes]
    for decision in decided:
        telemetry.record(instruments.ADMISSION_DECISIONS, 1, decision)
    span.set(Attribute.COUNT, sum(decision in (Outcome.ADMIT, Outcome.HOLD) for decision in decided))
    if len(outcomes) == 1:
        span.set(Attribute.DECISION, decided[0])
        if not isinstance(outcomes[0], Problem):
            span.set(Attribute.RECORD, outcomes[0].memory.cube.id)
            span.set(Attribute.STORE, outcomes[0].memory.cube.space_id)


def _decision(outcome: Any) -> Outcome:
    if isinstance(outcome, Problem):
        return Outcome.REJECT if isinstance(outcome, Rejected) else Outcome.REFUSED
    return Outcome.HOLD if outcome.held else Outcome.ADMIT


def searches(act: Callable[..., Any]) -> Callable[..., Any]:
    """Around a search. Its question is not told, not even its length."""

    @wraps(act)
    def told(principal: Any, *, question: Any, **more: Any) -> Any:
        with telemetry.timed(instruments.SEARCH_DURATION), telemetry.span(Name.SEARCH, SEARCH) as span:
            span.set(Attribute.LIMIT, question.k)
            span.set(Attribute.SPACES, len(question.spaces))
            answer = act(principal, question=question, **more)
            span.set(Attribute.COUNT, len(answer.found))
        return answer

    return told


def changes(name: Name) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Around an act on one record, named by the keyword `memory_id`."""

    def around(act: Callable[P, R]) -> Callable[P, R]:
        @wraps(act)
        def told(*args: P.args, **kwargs: P.kwargs) -> R:
            record = kwargs.get("memory_id")
            with telemetry.span(name, about(name)) as span:
                if isinstance(record, UUID):
                    span.set(Attribute.RECORD, record)
                return act(*args, **kwargs)

        return told

    return around


def forgets(act: Callable[P, R]) -> Callable[P, R]:
    """Around the run of an erasure."""

    @wraps(act)
    def told(*args: P.args, **kwargs: P.kwargs) -> R:
        with telemetry.span(Name.DELETE, about(Name.DELETE)):
            return act(*args, **kwargs)

    return told


def forgotten(layer: Layer) -> None:
    """This layer has forgotten what the erasure now run was ordered to forget."""
    ordered = owed_at()
    if ordered is not None:
        telemetry.record(instruments.FORGET_DURATION, max(0.0, (now() - ordered).total_seconds()), layer)


CREATE, SEARCH = about(Name.CREATE), about(Name.SEARCH)
