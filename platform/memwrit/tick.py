"""The worker: work owed by the outbox, the audit log's sequencer, what falls due by time. Never in the web process.

Each job is a thread with database roles of its own. It is woken by an empty NOTIFY, else it looks once a second; when
it fails it says so (never with the error's text) and tries again with growing pauses. What comes shortly after a round
is gathered for the next one: a round costs the same for one memory as for several.
"""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, cast

from memwrit.pulse import Pulse

if TYPE_CHECKING:
    from foundation.kernel.leasing import Queue

log = logging.getLogger("memwrit.tick")
LONGEST_PAUSE = 5.0
GATHER = 0.05
"""Seconds from the end of a round to the next look. What comes after a longer silence is taken up at once."""


class Found(Enum):
    """What a look found: nothing, what is all done now, or as much as is taken at once, so that more may be left."""

    NOTHING = auto()
    ALL = auto()
    MORE = auto()


@dataclass(frozen=True, slots=True)
class Job:
    """`step` does a bounded piece of work. `end` comes last."""

    name: str
    step: Callable[[], Found]
    every: float = 1.0
    alias: str = ""
    channel: str = ""
    end: Callable[[], None] | None = None
    beside: tuple[str, ...] = ()
    """Jobs that it runs with where only one is asked for."""


def relay() -> Found:
    """Work items that are due, of every tenant in turn: done here, or by Celery's workers where a broker is set."""
    from django.conf import settings

    from foundation.kernel.leasing import EVERY, Queue

    if settings.BROKER_URL:
        return _until_none(cast(int, import_module("memwrit.dispatch").dispatch()))
    return _work_off([each for each in EVERY if each != Queue.SLOW or not settings.JUDGE_URL])


def strangers() -> Found:
    """Work that waits for an answer from outside, few items at a time: a lease must outlast them all."""
    from foundation.kernel.leasing import Queue

    return _work_off([Queue.SLOW])


def _work_off(queues: Sequence[Queue]) -> Found:
    from foundation.kernel.leasing import full, lease_due
    from foundation.kernel.outbox import LOAD, run_leased

    leases = lease_due(LOAD, queues)
    run_leased(leases)
    return _found(len(leases), more=full(leases, LOAD))


def sequencer() -> Found:
    """Events waiting to become part of their tenants' logs."""
    sequence = import_module("audit.services.sequence")
    return _found(sequence.run_once(), more=sequence.more())


def resign() -> None:
    """Let the sequencer's lease go, so that the next process need not wait for its end."""
    import_module("audit.services.sequence").resign()


def retention() -> Found:
    """What falls due by time: expiries, and keys whose rotation was interrupted."""
    return _until_none(cast(int, import_module("memwrit.upkeep").upkeep.round()))


def census() -> Found:
    """The figures that come from the database, for every tenant together."""
    return _until_none(cast(int, import_module("memwrit.census").census.round()))


def witnesses() -> Found:
    """The directory of all logs, cosigned by those whom the operator names."""
    return _until_none(cast(int, import_module("audit.witnessing").ask_all()))


def _found(done: int, *, more: bool) -> Found:
    return Found.MORE if more else Found.ALL if done else Found.NOTHING


def _until_none(done: int) -> Found:
    """Of a job that does not say whether more is left: there may be, until a look finds nothing."""
    return _found(done, more=done > 0)


JOBS = (
    Job("relay", relay, alias="relay", channel="memwrit_work"),
    Job("sequencer", sequencer, every=0.25, alias="sequencer", channel="memwrit_audit", end=resign),
    Job("retention", retention, every=15.0),
)
CENSUS = Job("census", census, every=15.0, beside=("retention",))
"""Runs where somebody asks for metrics."""
WITH_A_JUDGE = Job("strangers", strangers, alias="relay", channel="memwrit_work")
"""Runs where an optional judge is named and no broker: without a judge nothing waits for strangers, and with a broker
its queue may have workers of its own."""


WITH_WITNESSES = Job("witnesses", witnesses, every=5.0, beside=("retention",))
"""Runs where witnesses are named, in a thread of its own: it waits for others."""


class Loop(threading.Thread):
    """Runs one job until told to stop."""

    def __init__(self, job: Job, stop: threading.Event, pulse: Pulse) -> None:
        super().__init__(name=job.name, daemon=True)
        self.job, self.stop, self.pulse = job, stop, pulse
        self.failures = 0
        self._listening: object = None

    def run(self) -> None:
        from django.db import connections

        while not self.stop.is_set():
            try:
                self.turn()
                self.failures = 0
            except Exception:
                self.failures += 1
                log.exception("%s failed, time %d in a row", self.job.name, self.failures)
                connections.close_all()
                self.stop.wait(min(0.25 * 2**self.failures, LONGEST_PAUSE))
        self.finish()
        connections.close_all()

    def finish(self) -> None:
        try:
            if self.job.end is not None:
                self.job.end()
        except Exception:
            log.exception("%s did not end in order", self.job.name)

    def turn(self) -> None:
        """Look once. Then the next look follows at once where more may be left, a little later where there was
        something, else with a notice or its time."""
        self.subscribe()
        found = self.job.step()
        self.pulse.beat(self.job.name, drained=found is not Found.MORE)
        if found is Found.ALL:
            self.gather()
        elif found is Found.NOTHING and not self.stop.is_set():
            self.wait()

    def gather(self) -> None:
        """Let what comes soon come together. Notices up to here are answered by the look that follows."""
        self.stop.wait(GATHER)
        if self.job.channel:
            from foundation.kernel.notices import await_notice

            await_notice(self.job.alias, 0.0)

    def subscribe(self) -> None:
        """Listen before looking, on this connection: a notice between the look and the wait is then not lost."""
        if not self.job.channel:
            return
        from django.db import connections

        from foundation.kernel.notices import listen

        connection = connections[self.job.alias]
        connection.ensure_connection()
        if connection.connection is not self._listening:
            listen(self.job.alias, self.job.channel)
            self._listening = connection.connection

    def wait(self) -> None:
        if not self.job.channel:
            self.stop.wait(self.job.every)
            return
        from foundation.kernel.notices import await_notice

        await_notice(self.job.alias, self.job.every)


def run(only: str | None = None) -> int:
    """Run the jobs (or one of them) until SIGTERM or SIGINT; what is under way is finished first."""
    import django

    django.setup()
    from django.conf import settings

    from foundation.telemetry import metrics
    from memwrit import telemetry

    stop = threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    pulse = Pulse(Path(settings.PULSE))
    jobs = (*JOBS, WITH_A_JUDGE) if settings.JUDGE_URL and not settings.BROKER_URL else JOBS
    if settings.WITNESSES:
        jobs = (*jobs, WITH_WITNESSES)
    telemetry.begin("tick")
    telemetry.start("tick")
    if metrics.recording():
        jobs = (*jobs, CENSUS)
    loops = [Loop(job, stop, pulse) for job in jobs if only in (None, job.name, *job.beside)]
    for loop in loops:
        loop.start()
    while not stop.wait(1.0):
        if not all(loop.is_alive() for loop in loops):
            return 1
    for loop in loops:
        loop.join(60.0)
    telemetry.stop()
    telemetry.close()
    return 0
