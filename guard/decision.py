"""From signals to a decision. Rejection is for hard rules alone; holding is bounded by alpha; the rest is admitted."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from guard.calibration import SHARES
from guard.types import Decision, Effect, Path, Signal

REJECTS = frozenset({"hidden-unicode", "override-directive", "exfiltration", "forged-provenance", "destructive-effect"})
HOLDS = frozenset(
    {
        "directive",
        "encoded-directive",
        "ungrounded-id",
        "id-redirect",
        "effect-unseen",
        "claim-conflict",
        "slot-flip",
        "user-override",
    }
)
NOTES = frozenset({"single-source", "high-impact", "thin-evidence", "lesson", "recurring"})

HEED = 0.5
"""What a lesson's match multiplies the graded p-values by: at most twice alpha of what matches is held, and by the
lessons' replay at most 0.5 % of benign records match."""


def fires(name: str, p: float, alpha: float) -> bool:
    return p <= SHARES[name] * alpha


def decide(reasons: Sequence[str]) -> Decision:
    """The gravest reason wins; codes that only inform change nothing."""
    if REJECTS.intersection(reasons):
        return Decision.REJECT
    return Decision.HOLD if HOLDS.intersection(reasons) else Decision.ADMIT


def incident_of(reasons: Sequence[str], path: Path, signals: Sequence[Signal], marks: Sequence[str]) -> str | None:
    """One key for the records of one attack: what went wrong, with which functions, towards which target.

    It is a one-way digest, so it may be listed without opening any record.
    """
    grave = sorted(REJECTS.union(HOLDS).intersection(reasons))
    if not grave:
        return None
    effect = path.effect if path.effect in (Effect.DELETE, Effect.EXFIL, Effect.WRITE) else ""
    parts = [*grave, str(effect), *sorted(marks)]
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:16]
