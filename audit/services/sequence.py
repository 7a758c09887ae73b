"""Run the sequencer: `run_once` for one round, `run` until told to stop."""

from __future__ import annotations

import logging
import threading

from django.db import DatabaseError, InterfaceError, connections

from audit.sequencer.round import ALIAS, BATCH, Sequencer
from audit.sequencer.wake import CHANNEL
from foundation.kernel.notices import await_notice, listen
from foundation.kernel.problems import Problem

POLL = 0.25
log = logging.getLogger(__name__)
_sequencer = Sequencer()


def run_once() -> int:
    """One round; returns how many outbox rows it took. 0 if nothing waits or another process leads."""
    return _sequencer.round()


def drain() -> int:
    """Rounds until nothing waits."""
    total = 0
    while taken := run_once():
        total += taken
    return total


def run(stop: threading.Event) -> None:
    """Sequence until `stop` is set, woken by an empty NOTIFY and by a poll every quarter of a second."""
    listening = None
    while not stop.is_set():
        try:
            if listening is not connections[ALIAS].connection or listening is None:
                listen(ALIAS, CHANNEL)
                listening = connections[ALIAS].connection
            if run_once() < BATCH // 2:
                await_notice(ALIAS, POLL)
        except (DatabaseError, InterfaceError, Problem) as error:
            log.error("a round of the sequencer failed: %s", type(error).__name__)
            connections[ALIAS].close()
            stop.wait(1.0)
    _resign()


def _resign() -> None:
    try:
        _sequencer.resign()
    except (DatabaseError, InterfaceError) as error:
        log.warning("the lease was not let go: %s", type(error).__name__)
    finally:
        connections[ALIAS].close()
