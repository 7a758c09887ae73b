"""A redactor that finds what a test marks: `{{Ana}}` is a person. The real recognisers have tests of their own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from foundation.kernel.problems import PiiBlocked
from guard.pii import redaction
from guard.pii.document import names
from guard.pii.entities import Entity
from guard.pii.policy import PiiPolicy
from guard.pii.port import NOTHING_KNOWN, Finding, Known, PiiUnavailable, Reason, Redaction

_MARKED = re.compile(r"\{\{.*?\}\}")


class MarkedRedactor:
    """Applies the real replacement to marked persons; a text with `{{late}}` times out."""

    def redact_many(
        self,
        documents: Sequence[Mapping[str, str]],
        policy: PiiPolicy,
        *,
        key: bytes,
        language: Any = None,
        known: Known = NOTHING_KNOWN,
    ) -> list[Any]:
        return [self._one(document, policy, key, known) for document in documents]

    def redact(self, document: Mapping[str, str], policy: PiiPolicy, *, key: bytes, language: Any = None) -> Redaction:
        return redaction.apply(document, _findings(document), policy, key)

    def tokens(self, text: str, policy: PiiPolicy, *, key: bytes, language: Any = None) -> str:
        return self.redact({"/query": text}, policy, key=key).texts["/query"]

    def warm(self) -> None:
        """Nothing is loaded."""

    def _one(self, document: Mapping[str, str], policy: PiiPolicy, key: bytes, known: Known) -> Any:
        if any("{{late}}" in text for text in document.values()):
            return PiiUnavailable(Reason.TIMEOUT)
        found = [*_findings(document), *redaction.known_values(document, known)]
        try:
            return redaction.apply(document, found, policy, key)
        except PiiBlocked as blocked:
            return blocked


def _findings(document: Mapping[str, str]) -> list[Finding]:
    return [
        Finding(Entity.PERSON, path, found.start(), found.end(), 1.0)
        for path, text in {**document, **names(document)}.items()
        for found in _MARKED.finditer(text)
    ]
