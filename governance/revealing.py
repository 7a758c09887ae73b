"""Putting values back at reading, for whom the policy in force names: span by span, from the vault.

The stored payload keeps its tokens and stays what the guard, the index and the log see; what one asker may see stands
beside it. Rows are read with the memories' rows; keys are opened with the memories' keys.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from foundation.kernel.principal import Principal
from governance import lifecycle
from governance.models import MemCube, Space, State, Version
from governance.sealed import Payload, Span
from guard.pii import vault
from guard.pii.document import NAME, flatten, last_name
from guard.pii.entities import Entity
from guard.pii.policy import Action, PiiPolicy
from guard.pii.port import Original
from guard.pii.pseudonyms import TOKEN
from guard.pii.restoring import Placed, put_back
from guard.pii.vault import Entrusted
from guard.selectors import pii_policies

Policies = Mapping[UUID, PiiPolicy]
"""The policy in force in each space."""


@dataclass(frozen=True, slots=True)
class Revelation:
    """The values that may be put back for one asker, still sealed, by version. `role` None: every value there is."""

    role: str | None = None
    policies: Policies = field(default_factory=dict)
    held: Mapping[UUID, Sequence[Entrusted]] = field(default_factory=dict)
    _opened: dict[str, str] = field(default_factory=dict, init=False, repr=False)
    _answers: dict[UUID, dict[tuple[str, str], bool]] = field(default_factory=dict, init=False, repr=False)

    @property
    def key_ids(self) -> list[UUID]:
        """The keys to be opened in the same call as the versions' keys."""
        return [each.value_id for held in self.held.values() for each in held]

    def detail(self, shown: Iterable[UUID] | None = None) -> dict[str, Any]:
        """What the read's event says: how many values were opened for the asker, one for each version and value, in
        the versions that are `shown` (None: all)."""
        versions = self.held if shown is None else shown
        return {"revealed": sum(len(self.held.get(each, ())) for each in versions)}

    def seen(self, cube: MemCube, version: Version, payload: Payload, secrets: Mapping[UUID, bytes]) -> Payload:
        """The payload as the asker sees it."""
        return put_in(payload, self.placed(cube, version, payload, secrets))

    def placed(
        self, cube: MemCube, version: Version, payload: Payload, secrets: Mapping[UUID, bytes]
    ) -> Sequence[Placed]:
        """What the asker sees in the places of tokens. A value whose key is gone stays a token."""
        values = self.values(version.id, secrets)
        return placed_in(payload, values, self._allowed(cube.space_id)) if values else ()

    def values(self, version_id: UUID, secrets: Mapping[UUID, bytes]) -> dict[str, str]:
        """The version's values whose keys are there, by how its spans name them."""
        opened, held = self._opened, self.held.get(version_id, ())
        for each in held:
            if each.lookup not in opened and each.value_id in secrets:
                opened[each.lookup] = each.open(secrets[each.value_id])
        return {each.lookup: opened[each.lookup] for each in held if each.lookup in opened}

    def _allowed(self, space_id: UUID) -> Callable[[Span], bool]:
        """Whether a span in the space may be revealed: the same few kinds and paths are asked thousands of times."""
        role = self.role
        if role is None:
            return _anything
        policy, answers = self.policies[space_id], self._answers.setdefault(space_id, {})

        def may(span: Span) -> bool:
            asked = (span["type"], span["path"])
            if asked not in answers:
                answers[asked] = reveals(policy, span, role)
            return answers[asked]

        return may


NOTHING = Revelation()


def _anything(_: Span) -> bool:
    return True


def policies_of(space_ids: Iterable[UUID]) -> dict[UUID, PiiPolicy]:
    """The policy in force in each of the spaces (inside a transaction)."""
    named = dict(Space.objects.filter(id__in=set(space_ids)).values_list("id", "pii_policy_id"))
    found = pii_policies(named.values())
    return {space_id: found[policy_id] for space_id, policy_id in named.items()}


def ask(principal: Principal, found: Iterable[tuple[MemCube, Version]], policies: Policies | None = None) -> Revelation:
    """What may be put back in these versions for the principal (in the transaction that reads their rows)."""
    told = [(cube, version) for cube, version in found if _in_sight(principal, cube)]
    if not told:
        return NOTHING
    policies = policies_of(cube.space_id for cube, _ in told) if policies is None else policies
    role = principal.role.value
    kinds = {cube.space_id: policies[cube.space_id].revealed_to(role) for cube, _ in told}
    entities = frozenset[Entity]().union(*kinds.values())
    if not entities:
        return NOTHING
    spaces = {version.id: cube.space_id for cube, version in told if kinds[cube.space_id]}
    values = [each for each in vault.entrusted(spaces, entities) if each.entity in kinds[spaces[each.holder_id]]]
    return Revelation(role, policies, _by_holder(values))


def whole(found: Iterable[Version]) -> Revelation:
    """Every value of these versions: for the PII pass alone, never for an answer (inside a transaction)."""
    return of(vault.entrusted([version.id for version in found]))


def of(values: Iterable[Entrusted]) -> Revelation:
    """These values and no others, in the versions that use them."""
    return Revelation(held=_by_holder(values))


def of_writer(principal: Principal, policy: PiiPolicy, payload: Payload, originals: Sequence[Original]) -> Payload:
    """What a writer is answered: the values of this very request, where the policy lets the role see them."""
    values = {str(place): original.value for place, original in enumerate(originals) if original.value}
    if not values:
        return payload
    spans = [span | {"value": str(place)} for place, span in enumerate(payload.redactions)]
    role = principal.role.value
    seen = with_values(replace(payload, redactions=spans), values, lambda span: reveals(policy, span, role))
    return replace(seen, redactions=payload.redactions)


def reveals(policy: PiiPolicy, span: Span, role: str) -> bool:
    return policy.reveals(Entity(span["type"]), span["path"].removesuffix(NAME), role)


def with_values(payload: Payload, values: Mapping[str, str], may: Callable[[Span], bool] = _anything) -> Payload:
    """The payload with those of the values in their places whose spans `may` be revealed."""
    return put_in(payload, placed_in(payload, values, may))


def put_in(payload: Payload, placed: Sequence[Placed]) -> Payload:
    """The payload with the values in their places."""
    if not placed:
        return payload
    touched, whole = {each.path.split("/", 2)[1] for each in placed}, personal(payload)
    return with_personal(payload, whole | put_back({name: whole[name] for name in touched}, placed))


def by_token(payload: Payload, placed: Sequence[Placed]) -> dict[str, str]:
    """What was put in the places of the payload's tokens, by token."""
    texts = flatten(personal(payload))
    return {texts[each.path][each.start : each.end]: each.value for each in placed if each.path in texts}


def placed_in(payload: Payload, values: Mapping[str, str], may: Callable[[Span], bool] = _anything) -> list[Placed]:
    """The spans whose values are there and `may` be revealed, with what is put in their places."""
    return [
        Placed(span["path"], span["start"], span["end"], values[span["value"]])
        for span in payload.redactions
        if span.get("value") in values and may(span)
    ]


def retyped(changes: dict[str, Any], payload: Payload, values: Mapping[str, str]) -> dict[str, Any]:
    """A caller's new texts in which a token that stands in a span of `payload`, at the same path, is the value again.

    So whoever sees tokens may correct a text without losing what they stand for. Anywhere else a token is a word: at
    another path another rule may reveal it to somebody who could not see it before.
    """
    texts = {name: changes[name] for name in ("content", "metadata") if name in changes}
    old, spans = flatten(personal(payload)), [span for span in payload.redactions if span.get("value") in values]
    standing = {
        (span["path"], old[span["path"]][span["start"] : span["end"]]): values[span["value"]]
        for span in spans
        if not span["path"].endswith(NAME)
    }
    typed = [
        Placed(path, found.start(), found.end(), standing[path, found[0]])
        for path, text in flatten(texts).items()
        for found in TOKEN.finditer(text)
        if (path, found[0]) in standing
    ]
    names = [place for place in placed_in(payload, values) if place.path.endswith(NAME)]
    return changes | dict(put_back(texts, [*typed, *names]))


def tokens(payload: Payload) -> dict[str, str]:
    """The tokens of a payload that have a way back, as they stand in it, each with its kind (an `Entity`'s value)."""
    texts = flatten(personal(payload))
    kept = [span for span in payload.redactions if span["action"] == Action.PSEUDONYMISE]
    return {found: span["type"] for span in kept if (found := token_at(texts, span))}


def token_at(texts: Mapping[str, str], span: Span) -> str:
    """The token in the span, without its brackets; `texts` is the payload's flattened document."""
    path = str(span["path"])
    text = last_name(path.removesuffix(NAME)) if path.endswith(NAME) else texts.get(path, "")
    return text[span["start"] : span["end"]].strip("<>")


def personal(payload: Payload) -> dict[str, Any]:
    """The parts of a payload in which a person may stand, as one JSON document: what the spans point into."""
    return {
        "content": payload.content,
        "metadata": payload.metadata,
        "episode": payload.episode or {},
        "provenance": {"speaker": payload.provenance.speaker},
    }


def with_personal(payload: Payload, body: dict[str, Any]) -> Payload:
    """The same payload with those parts replaced."""
    told, speaker = payload.provenance, body["provenance"]["speaker"]
    return replace(
        payload,
        content=body["content"],
        metadata=body["metadata"],
        episode=payload.episode and body["episode"],
        provenance=told if told.speaker == speaker else replace(told, speaker=speaker),
    )


def _in_sight(principal: Principal, cube: MemCube) -> bool:
    """What is not in service shows tokens to everybody but to who wrote it and waits for its review."""
    if cube.state in lifecycle.SERVED:
        return True
    return bool(cube.state == State.HELD and cube.owner_id == principal.id)


def _by_holder(values: Iterable[Entrusted]) -> dict[UUID, list[Entrusted]]:
    found: dict[UUID, list[Entrusted]] = defaultdict(list)
    for each in values:
        found[each.holder_id].append(each)
    return dict(found)
