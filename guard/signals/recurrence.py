"""`recurrence`: a phrase that nobody used before and that now comes back in what was written last.

A campaign repeats its trigger in every record it plants, so three words in a row that recur among the recent records
and stand in none of the older ones mark one author at work. So does a benign wave (a release, a ward's new form): this
is never a reason by itself. It lowers the p-value of the graded signals a little, and the decision says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from guard.types import EvidenceItem, Path
from guard.values import common_words

LENGTH = 3
ENOUGH_OLD = 4
"""Fewer older records than this cannot say what is new here."""
P_BY_RECORDS = (1.0, 0.5, 0.25)
"""The p-value by the number of recent records that share the phrase; bounded, for benign waves recur as well."""


def recurring(path: Path, items: Sequence[EvidenceItem]) -> tuple[str, ...]:
    """The phrases (three stems in a row, joined by spaces) that recur among the recent records and in no older one,
    sorted. Empty where there is too little of the past to tell what is new.
    """
    older = [item for item in items if not item.recent]
    if len(older) < ENOUGH_OLD:
        return ()
    known = {phrase for item in older for phrase in phrases(item.path)}
    fresh = {phrase for item in items if item.recent for phrase in phrases(item.path)}
    return tuple(sorted((phrases(path) & fresh) - known))


def recurrence_p(path: Path, items: Sequence[EvidenceItem]) -> float:
    """What to multiply the graded p-values by: 1 without recurrence, never below `P_BY_RECORDS[-1]`.

    Records are counted whoever wrote them, for a campaign uses many names; ten copies weigh no more than two.
    """
    found = set(recurring(path, items))
    sharing = sum(1 for item in items if item.recent and found & phrases(item.path)) if found else 0
    return P_BY_RECORDS[min(sharing, len(P_BY_RECORDS) - 1)]


@lru_cache(maxsize=4096)
def phrases(path: Path) -> frozenset[str]:
    """Three stems in a row of the text and of the question, at least one of them no everyday word."""
    return frozenset(
        " ".join(words)
        for line in (path.relation, path.question)
        for words in zip(*(line[start:] for start in range(LENGTH)), strict=False)
        if any(word not in common_words() for word in words)
    )
