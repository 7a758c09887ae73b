"""The adapter the server uses: recognisers in helper processes, replacement here, where the key is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from foundation.kernel.problems import PiiBlocked
from guard.pii import redaction
from guard.pii.document import names
from guard.pii.entities import Entity
from guard.pii.policy import Action, Mode, PiiPolicy, Rule
from guard.pii.port import (
    MAX_DOCUMENT,
    MAX_TEXT,
    NOTHING_KNOWN,
    Document,
    Finding,
    Known,
    PiiUnavailable,
    Reason,
    Redaction,
)
from guard.pii.workers import Pool

_QUERY = "/query"


class PooledRedactor:
    """`PiiRedactor` over a pool of helper processes. The tenant's key never leaves this process."""

    def __init__(self, pool: Pool, *, language: str = "en") -> None:
        self._pool = pool
        self._language = language

    def redact(self, document: Document, policy: PiiPolicy, *, key: bytes, language: str | None = None) -> Redaction:
        outcome = self.redact_many([document], policy, key=key, language=language)[0]
        if isinstance(outcome, Redaction):
            return outcome
        raise outcome

    def redact_many(
        self,
        documents: Sequence[Document],
        policy: PiiPolicy,
        *,
        key: bytes,
        language: str | None = None,
        known: Known = NOTHING_KNOWN,
    ) -> list[Redaction | PiiUnavailable | PiiBlocked]:
        fitting = [document for document in documents if _fits(document)]
        answers = iter(self._pool.run_many([self._job(document, policy, language) for document in fitting]))
        return [
            _outcome(document, next(answers), policy, key, known)
            if _fits(document)
            else PiiUnavailable(Reason.TOO_LONG)
            for document in documents
        ]

    def tokens(self, text: str, policy: PiiPolicy, *, key: bytes, language: str | None = None) -> str:
        document = {_QUERY: text}
        if not _fits(document):
            raise PiiUnavailable(Reason.TOO_LONG)
        answer = self._pool.run({**self._job(document, policy, language), "any_language": True})
        return redaction.apply(document, _findings(answer), _for_queries(policy), key).texts[_QUERY]

    def warm(self) -> None:
        """Load the models now. Raises PiiUnavailable."""
        self._pool.warm()

    def close(self) -> None:
        self._pool.close()

    def _job(self, document: Document, policy: PiiPolicy, language: str | None) -> dict[str, Any]:
        return {
            "texts": {**document, **names(document)},
            "mode": policy.mode,
            "secrets_only": policy.keeps_all,
            "language": language or self._language,
        }


def _fits(document: Document) -> bool:
    sizes = [len(text.encode("utf-8", "surrogatepass")) for text in document.values()]
    return max(sizes, default=0) <= MAX_TEXT and sum(sizes) <= MAX_DOCUMENT


def _outcome(
    document: Document, answer: Any, policy: PiiPolicy, key: bytes, known: Known
) -> Redaction | PiiUnavailable | PiiBlocked:
    if isinstance(answer, PiiUnavailable):
        return answer
    found = [*_findings(answer), *redaction.known_values(document, known)]
    try:
        return redaction.apply(document, found, policy, key, language=answer["language"])
    except PiiBlocked as blocked:
        return blocked


def _findings(answer: Mapping[str, Any]) -> list[Finding]:
    return [Finding(Entity(kind), path, start, end, score) for kind, path, start, end, score in answer["findings"]]


def _for_queries(policy: PiiPolicy) -> PiiPolicy:
    """Queries find what `/content` holds; a query is never refused, only redacted."""
    actions = {entity: policy.action(entity, "/content") for entity in Entity}
    rules = (Rule(Action.REDACT if a is Action.REJECT else a, entity) for entity, a in actions.items())
    return PiiPolicy(policy.name, policy.version, Mode(policy.mode), policy.default_action, tuple(rules))
