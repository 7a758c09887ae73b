"""Disputed memories and the optional judge: its earlier words count at reading, new disputes are put to it later."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from foundation.kernel.outbox import SLOW, enqueue_many
from foundation.kernel.scope import tenant_transaction
from governance.opening import Memory
from governance.revealing import personal
from governance.sealed import Payload
from guard.optional_judge import opinions
from guard.optional_judge.consent import may_ask
from guard.optional_judge.opinion import Matter, Said
from guard.optional_judge.votes import with_votes
from guard.standing import ReadHit, Standing
from guard.types import Path
from guard.types import Standing as Mark

MOST_NEW = 4
"""How many disputes of one reading are put to the judge."""


def heed(
    memories: Sequence[Memory], hits: Sequence[ReadHit], judged: Sequence[Standing], question: str
) -> list[Standing]:
    """The standings with the judge's vote on what is disputed. Never waits for it: what it has not been asked about is
    noted, once, and counts at a later reading. Costs nothing without a dispute or without a judge."""
    disputed = [each for each in judged if each.standing is Mark.DISPUTED]
    if not disputed or not may_ask():
        return list(judged)
    by_id = {memory.cube.id: memory for memory in memories}
    pairs = {each.id: (by_id[each.id], by_id[each.disputed_by[0]]) for each in disputed if each.disputed_by}
    keyed = {cube_id: opinions.matter_key(matter_of(*pair)) for cube_id, pair in pairs.items()}
    heard = opinions.by_key(set(keyed.values()))
    _owe({key: pairs[cube_id] for cube_id, key in keyed.items() if key not in heard})
    words = {cube_id: heard[key].opinion for cube_id, key in keyed.items() if key in heard}
    return with_votes(hits, judged, {cube_id: word for cube_id, word in words.items() if word}, question)


def matter_of(memory: Memory, rival: Memory | None = None) -> Matter:
    """What is stored of a record, and of its rival: what opinions are found by."""
    return Matter(_stored(memory.payload), None if rival is None else _stored(rival.payload))


def text_of(body: Mapping[str, Any]) -> str:
    """All that a reader of the record would see, as one text: content first."""
    texts = [body["content"], *body["episode"].values(), *_strings(body["metadata"])]
    return "\n".join(text for text in texts if text)


def _stored(payload: Payload) -> Said:
    return Said(Path.from_json(payload.path or {}), text_of(personal(payload)))


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for each in inner for text in _strings(each)]


def _owe(new: Mapping[bytes, tuple[Memory, Memory]]) -> None:
    """Note the first few as asked about, and owe the asking."""
    chosen: dict[bytes, tuple[UUID, UUID]] = {
        key: (about.version.id, rival.version.id) for key, (about, rival) in list(new.items())[:MOST_NEW]
    }
    if not chosen or not opinions.room_today():
        return
    with tenant_transaction():
        opinions.note_asked({key: about for key, (about, _) in chosen.items()})
        refs = [{"version": str(about), "rival": str(rival)} for about, rival in chosen.values()]
        enqueue_many("guard.judge", refs, queue=SLOW)
