"""What the guard's codes mean, in one plain sentence each: for the person who has to decide about a held memory.

`tests/guard/test_explanations.py` holds this list against every code the guard can give.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from guard.decision import HOLDS, REJECTS

REASONS: Mapping[str, str] = MappingProxyType(
    {
        # refused
        "hidden-unicode": "The text hides characters that a person reading it cannot see.",
        "override-directive": "The text tells its reader to ignore earlier instructions.",
        "exfiltration": "The text asks that something be sent to a place outside.",
        "forged-provenance": "It claims a source or a speaker that its credential is not.",
        "destructive-effect": "It records an action that deletes data or sends it away, and no one vouches for it.",
        # held
        "directive": "The text gives orders to whoever reads it, more than harmless memories do.",
        "encoded-directive": "Orders stand in a part of the text that is encoded so that a person would not read them.",
        "ungrounded-id": "The action uses an identifier that the question never named, or leaves out the one it did.",
        "id-redirect": "The text says that one identifier stands for another: later questions would be led astray.",
        "effect-unseen": "It does something to data that none of the nearest admitted actions did.",
        "claim-conflict": "It contradicts what established or independent sources say about the same thing.",
        "slot-flip": "It answers a question that others answered, the other way round.",
        "user-override": "A user asks that earlier instructions be dropped; that may be a change of mind.",
        # told, without weight
        "single-source": "So far only one source says this.",
        "high-impact": "It is about money, health, access or another matter where a mistake weighs heavily.",
        "thin-evidence": "There were few admitted actions to compare it with.",
        "lesson": "It fits a lesson learnt from an earlier attack, so the thresholds were tightened.",
        "recurring": "A phrase that was new to the store keeps coming back in what was written last.",
        "undone-parent": "Part of what it was derived from was rolled back.",
        "rollback": "An earlier version was taken up again; it was not judged anew.",
        # a part failed
        "embedder-unavailable": "The text could not be compared by meaning: that part was away.",
        "evidence-unavailable": "Nothing could be compared with it: the search engine did not answer.",
        "guard-unavailable": "Judging itself failed, so a person decides.",
        "pii-timeout": "Looking for personal data took too long: the text was never cleared.",
        "pii-crash": "Looking for personal data failed: the text was never cleared.",
        "pii-busy": "Nobody was free to look for personal data: the text was never cleared.",
        "pii-model": "The part that finds personal data was away: the text was never cleared.",
        "pii-language": "Personal data cannot be found in this language: the text was never cleared.",
        "pii-too-long": "The text is too long to look for personal data in it.",
    }
)
"""By reason code."""

SIGNALS: Mapping[str, str] = MappingProxyType(
    {
        "instruction": "Does the text give orders to its reader?",
        "consensus": "Does it clash with what outweighs its source?",
        "ground": "Do the identifiers in the action come from the question?",
        "effect": "Have admitted actions done this to data before?",
        "slotflip": "Did others answer the same question the other way round?",
        "recurrence": "Does a new phrase keep coming back?",
        "hidden": "Are there characters nobody can see?",
        "provenance": "Is it from whom it says it is from?",
        "lesson": "Does it fit a lesson learnt from an earlier attack?",
    }
)
"""By signal: the question it answers."""

UNKNOWN = "This code is not explained yet; the audit log has the decision record."


@dataclass(frozen=True, slots=True)
class Explained:
    """A reason and what it means; `weighs`: whether it alone would have had the memory held or refused."""

    code: str
    sentence: str
    weighs: bool


def explain(reasons: Sequence[str]) -> list[Explained]:
    """The reasons with their sentences: those that weigh come first, each group in the order given."""
    told = [Explained(code, REASONS.get(code, UNKNOWN), _weighs(code)) for code in reasons]
    return sorted(told, key=lambda each: not each.weighs)


def asks(signal: str) -> str:
    """The question a signal answers."""
    return SIGNALS.get(signal, UNKNOWN)


def likelihood(p: float) -> str:
    """A p-value in words: the share of harmless memories that look at least this bad."""
    if p >= 1:
        return "as ordinary as any harmless memory"
    if p <= 0:
        return "no harmless memory looks like this"
    if p >= 0.1:
        return f"{round(p * 100)} of 100 harmless memories look at least this unusual"
    return f"about 1 in {round(1 / p):,} harmless memories looks at least this unusual"


def _weighs(code: str) -> bool:
    return code in REJECTS or code in HOLDS or code.endswith("-unavailable") or code.startswith(("pii-", "undone-"))
