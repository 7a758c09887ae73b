"""Duplicates: what a source says again is kept, but not indexed a second time, where its space wants it so.

Only the same voice's repetition merges: the same source through the same credential, in the same space, of the same
kind, labels, subjects and times. Such a record never counted as corroboration, so nobody's trust changes; what another
source says alike stands beside it and counts by the rules of independence. The guard has judged it before.

Candidates are the nearest records by meaning, which is what the index can answer without a digest of any text: none is
kept. Their texts are then compared in memory, and must say the same in the same order: only case at the beginning of a
sentence, punctuation, spacing, articles and Unicode's widths may differ. A number, a negation, a name or any other word
that differs is another memory (`docs/decisions/near-duplicates.md`).
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from foundation.kernel.principal import Principal
from foundation.kernel.problems import Unavailable
from foundation.kernel.scope import tenant_transaction
from foundation.search import index
from foundation.search.engine import engine
from foundation.search.port import Hit
from governance import lifecycle, opening
from governance.drafting import Draft
from governance.models import Space, State
from governance.opening import Memory, Place
from governance.selectors import is_expired, may_read
from guard.types import Decision

NEAREST = 4
ALIKE = 0.9  # cosine: of texts that say the same in the same words it is above 0.97
_WORD = re.compile(
    r"<[A-Z][A-Z_]*_[0-9a-z]+>"  # a pseudonym
    r"|[^\W_]+(?:['\u2019.,:/-][^\W_]+)*"  # a word or a number, with what joins its parts
    r"|[-+](?=\d)|[$\u20ac\u00a3%\u00b0+<>=*/^]"  # signs that change a value
)
_SENTENCE = re.compile(r"(?:^|[.!?]\s+|\n)([^\W\d_])")
_ARTICLES = frozenset({"a", "an", "the"})


def said(text: str) -> tuple[str, ...]:
    """What two texts must have in common to be one memory: their words in order, articles left out."""
    plain = unicodedata.normalize("NFKC", text).replace("\u2019", "'").strip()
    lowered = _SENTENCE.sub(lambda found: found.group().lower(), plain)
    return tuple(word for word in _WORD.findall(lowered) if word not in _ARTICLES)


def merge(principal: Principal, drafts: Sequence[Draft]) -> list[Draft]:
    """The drafts in order, each as it is or, where an earlier record of its voice says the same, merged into that."""
    wanted = _merging({draft.cube.space_id for draft in drafts})
    near = {id(draft): _near(principal, draft) for draft in drafts if _may_merge(draft, wanted)}
    memories = _opened(principal, {(hit.id, hit.version) for hits in near.values() for hit in hits})
    merged: list[Draft] = []
    for draft in drafts:
        hits = near.get(id(draft), [])
        older = next((place for hit in hits if _same(draft, memories.get(place := (hit.id, hit.version)))), None)
        merged.append(_merged(draft, older) if older else draft)
    return merged


def _merging(spaces: set[UUID]) -> set[UUID]:
    with tenant_transaction():
        return set(Space.objects.filter(id__in=spaces, merge_duplicates=True).values_list("id", flat=True))


def _may_merge(draft: Draft, wanted: set[UUID]) -> bool:
    """What is held, derived, kept for a time or cannot be compared stands for itself."""
    judged = draft.judged
    return (
        draft.cube.space_id in wanted
        and judged.verdict.decision is Decision.ADMIT
        and judged.embedding is not None
        and not judged.submission.parents
        and judged.submission.ttl is None
    )


def _near(principal: Principal, draft: Draft) -> list[Hit]:
    """The nearest in the same space. While the engine is away nothing merges."""
    part = draft.judged.submission
    spaces, roles, vector = [part.space_id], {principal.role}, draft.judged.embedding
    try:
        plan = index.plan(part.searchable(), spaces=spaces, roles=roles, k=NEAREST, embedding=vector, words=False)
        with tenant_transaction():
            hits = engine().search(plan)
    except Unavailable:
        return []
    close = [hit for hit in hits if hit.dense is not None and hit.dense >= ALIKE]
    return sorted(close, key=lambda hit: (-(hit.dense or 0.0), hit.id))[:NEAREST]


def _opened(principal: Principal, places: set[Place]) -> dict[Place, Memory]:
    """Those that are served now and the writer may read, opened."""
    if not places:
        return {}
    with tenant_transaction(snapshot=True):
        found = opening.read(places)
        served = [cube for cube in found.cubes.values() if cube.state in lifecycle.SERVED and not cube.frozen]
        current = {(cube.id, cube.version) for cube in served if may_read(principal, cube) and not is_expired(cube)}
        rows = opening.rows(sorted(places & current), found=found)
    return {memory.place: memory for memory in opening.unseal_existing(rows)}


def _same(draft: Draft, older: Memory | None) -> bool:
    """Whether it is the same voice's, in the same place and times, and says the same."""
    if older is None:
        return False
    mine, theirs, part = draft.cube, older.cube, draft.judged.submission
    headers = ("space_id", "kind", "owner_id", "labels", "subject_ids", "ttl")
    versions = ("source_key", "principal_id", "actor_key", "session_key", "position", "valid_from", "valid_to")
    return (
        all(getattr(mine, name) == getattr(theirs, name) for name in headers)
        and all(_plain(getattr(draft.version, name)) == _plain(getattr(older.version, name)) for name in versions)
        and part.provenance == older.payload.provenance
        and part.metadata == older.payload.metadata
        and part.episode == older.payload.episode
        and said(part.content) == said(older.payload.content)
    )


def _plain(value: object) -> object:
    return bytes(value) if isinstance(value, memoryview) else value


def _merged(draft: Draft, older: Place) -> Draft:
    """The same draft in state `merged`, with the older record for its parent: it shares its fate in every cascade."""
    draft.cube.state = State.MERGED
    part = replace(draft.judged.submission, parents=(older,))
    return replace(draft, judged=replace(draft.judged, submission=part))
