"""A memory as a caller submits it."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from foundation.search.index import searched_text
from governance.models import Kind
from governance.sealed import Parent, Provenance

EPISODE_PARTS = ("question", "knowledge", "action", "outcome")


@dataclass(frozen=True, slots=True)
class Submission:
    """What may become memory. `subjects` are the caller's own names for people; `parents` name [id, version];
    `revises`: it keeps the provenance of the record it is the next version of."""

    space_id: UUID
    content: str
    provenance: Provenance
    kind: Kind = Kind.EPISODIC
    subjects: tuple[str, ...] = ()
    parents: tuple[Parent, ...] = ()
    episode: dict[str, str] | None = None
    labels: tuple[str, ...] = ()
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    ttl: timedelta | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    reason: str | None = None
    revises: bool = False

    def personal(self) -> dict[str, Any]:
        """The parts in which a person may stand, as one JSON document."""
        body: dict[str, Any] = {"content": self.content, "metadata": self.metadata}
        if self.episode:
            body["episode"] = self.episode
        if self.provenance.speaker:
            body["provenance"] = {"speaker": self.provenance.speaker}
        return body

    def with_personal(self, body: dict[str, Any]) -> "Submission":
        """The same submission with those parts replaced."""
        speaker = body.get("provenance", {}).get("speaker")
        return replace(
            self,
            content=body["content"],
            metadata=body["metadata"],
            episode=body.get("episode"),
            provenance=replace(self.provenance, speaker=speaker),
        )

    def searchable(self) -> str:
        return searchable(self.content, self.provenance, self.episode, self.valid_from)


def searchable(
    content: str, provenance: Provenance, episode: dict[str, str] | None, valid_from: datetime | None
) -> str:
    """The text that is embedded and indexed: date and speaker stand in the field, an episode's parts below it."""
    first = searched_text(content, speaker=provenance.speaker, at=valid_from)
    return "\n".join([first, *(text for text in (episode or {}).values() if text)])
