"""What a certificate of erasure says, store by store, in words. Nothing is said that does not stand in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ASSURANCE = {
    "A0": "not destroyed yet",
    "A1": "the keys are gone from the database; the key that wrapped them is still to be destroyed",
    "A2": "the keys and the key that wrapped them are destroyed: copies cannot be opened any more",
    "A3": "destroyed in a hardware module that attests it",
}
STORES = {
    "records": "The records",
    "versions": "Their texts",
    "index": "The search index",
    "vault": "The values behind pseudonyms",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """One store: what was found there, and whether that is good, wants attention, or is not covered."""

    store: str
    words: str
    tone: str


def of(body: Mapping[str, Any]) -> list[Verdict]:
    """The verdicts of a certificate's body."""
    probe = body.get("probe") or {}
    found = str(probe.get("result", "not looked for"))
    clean = "good" if found == "nothing found" else "bad"
    probed = [Verdict(STORES.get(store, store), f"looked again: {found}", clean) for store in probe.get("stores", ())]
    return [*probed, _keys(body), _index(body), _backups(body), *_held(body)]


def _keys(body: Mapping[str, Any]) -> Verdict:
    level = str(body.get("assurance", "A0"))
    shards = len(body.get("key_destruction", ()))
    words = f"{level}: {ASSURANCE.get(level, '')}; {shards} shard{'' if shards == 1 else 's'} re-keyed"
    return Verdict("The keys", words, _tone(level >= "A2"))


def _index(body: Mapping[str, Any]) -> Verdict:
    level = str(body.get("index_assurance") or "A0")
    words = f"{level}: {ASSURANCE.get(level, '')}" if level > "A0" else "A0: until the index is re-keyed"
    return Verdict("Earlier backups of the index", words, _tone(level >= "A2"))


def _backups(body: Mapping[str, Any]) -> Verdict:
    horizon, gone = body.get("backup_horizon"), str(body.get("assurance", "")) >= "A2"
    words = (
        "they cannot be opened: the keys are destroyed" if gone else "they can be opened until the keys are destroyed"
    )
    return Verdict("Backups of the databases", f"{words}; kept until {horizon}" if horizon else words, _tone(gone))


def _tone(good: bool) -> str:
    return "good" if good else "warn"


def _held(body: Mapping[str, Any]) -> list[Verdict]:
    waiting = [(body.get("held", 0), "kept by a legal hold"), (body.get("awaiting_deadline", 0), "wait for a deadline")]
    waiting.append((body.get("identifiers_held", 0), "identifiers kept by a hold on another record"))
    return [Verdict("Not erased", f"{count} {words}", "warn") for count, words in waiting if count]
