"""Run the sequencer: one round, or until nothing waits. `memwrit tick` does so whenever something does."""

from __future__ import annotations

from audit.sequencer.round import Sequencer

_sequencer = Sequencer()


def run_once() -> int:
    """One round; returns how many outbox rows it took. 0 if nothing waits or another process leads."""
    return _sequencer.round()


def more() -> bool:
    """Whether the last round took as much as it may, so that more may wait."""
    return _sequencer.more


def resign() -> None:
    """Let the lease go, so that the next process need not wait for its end."""
    _sequencer.resign()


def drain() -> int:
    """Rounds until nothing waits."""
    total = 0
    while taken := run_once():
        total += taken
    return total
