"""What a demo needs to be told: who remembers what, what is asked, what attacks, what is changed and who is forgotten.

The same acts run over any story: the one written for the demo (`memories`), or one made of public texts (`outside`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Memory:
    """One thing an assistant keeps. `key` names it within the story; `day` (YYYY-MM-DD) is when it began to hold.

    `writer` is the credential that submits it: new sources that one credential brings in one minute are one voice.
    """

    key: str
    content: str
    day: str
    subject: str
    speaker: str | None = None
    source: str = "chat"
    source_type: str = "conversation"
    kind: str = "episodic"
    session: str | None = None
    position: int | None = None
    parents: tuple[str, ...] = ()
    episode: dict[str, str] | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    writer: str = "agent"

    def body(self, space: str, ids: dict[str, str]) -> Body:
        """The request that submits it; `ids` are those of the memories it may be derived from."""
        return {
            "content": self.content,
            "space": space,
            "kind": self.kind,
            "subjects": [self.subject] if self.subject else [],
            "provenance": {
                "source": self.source,
                "source_type": self.source_type,
                "actor": "assistant",
                "session": self.session,
                "position": self.position,
                "speaker": self.speaker,
                "parents": [[ids[parent], 1] for parent in self.parents],
            },
            "episode": self.episode,
            "valid_from": f"{self.day}T09:00:00Z",
            "metadata": self.metadata,
        }


@dataclass(frozen=True, slots=True)
class Attack:
    """A text that must not become memory as it stands. `refusals` are the states that keep it out, `against` the keys
    of what the guard must know to see through it, `asked` the question it wants to answer falsely."""

    memory: Memory
    called: str
    refusals: tuple[str, ...] = ("held", "rejected")
    against: tuple[str, ...] = ()
    asked: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """A question and, for each company in turn, the key of the memory that answers it (empty: any of its own)."""

    text: str
    answers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Quiz:
    """A question to the first company, and the keys of all that is needed to answer it."""

    text: str
    answers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Company:
    """A tenant and what its assistant remembers. Memories with parents come after them."""

    name: str
    memories: tuple[Memory, ...]


@dataclass(frozen=True, slots=True)
class Private:
    """One memory shown as it was sent and as it is kept, and the values that may not be read in it any more."""

    key: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """A memory and the text it is revised to, before that is rolled back."""

    key: str
    content: str


@dataclass(frozen=True, slots=True)
class Forgetting:
    """Who is forgotten at the first company, a question only their memories answer, and who must stay."""

    subject: str
    person: str
    question: str
    stays: str


@dataclass(frozen=True, slots=True)
class Story:
    """Everything one run does, in the words of its texts."""

    title: str
    companies: tuple[Company, Company]
    private: Private
    attacks: tuple[Attack, ...]
    question: Question
    change: Change
    forgetting: Forgetting
    canaries: tuple[str, ...]
    poison: tuple[Attack, ...] = ()
    quiz: tuple[Quiz, ...] = ()

    @property
    def first(self) -> Company:
        return self.companies[0]
