"""Recording a measurement: one table of instruments, any number of sinks, none by default."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from foundation.telemetry.names import Value, told

log = logging.getLogger(__name__)


class Kind(StrEnum):
    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Instrument:
    """One metric. `unit`: seconds (`s`) or what is counted, in UCUM's braces; `labels`: names of its attributes, whose
    values are few words of our own code, never an id; `bounds`: upper ends of a histogram's buckets."""

    name: str
    kind: Kind
    unit: str
    tells: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()

    @property
    def prometheus(self) -> str:
        """Its name at `/metrics`, without the endings that counters and histograms get there."""
        return self.name.replace(".", "_") + ("_seconds" if self.unit == "s" else "")

    @property
    def series(self) -> tuple[str, ...]:
        """The names of its series at `/metrics`."""
        endings = {
            Kind.COUNTER: ("_total",),
            Kind.GAUGE: ("",),
            Kind.HISTOGRAM: ("_bucket", "_sum", "_count"),
        }
        return tuple(self.prometheus + ending for ending in endings[self.kind])


class Sink(Protocol):
    """Where measurements go. `labels` are in the instrument's order."""

    def record(self, instrument: Instrument, value: float, labels: tuple[str, ...]) -> None: ...


_sinks: tuple[Sink, ...] = ()


def sink_into(*sinks: Sink) -> None:
    """From now on record into these; none ends it."""
    global _sinks
    _sinks = sinks


def recording() -> bool:
    """Whether anybody listens: for who would have to do much to know the value."""
    return bool(_sinks)


def record(instrument: Instrument, value: float, *labels: Value) -> None:
    """Count, set or observe `value`. The labels' values stand in the instrument's order.

    Raises `TypeError` for a label that may hold text, `ValueError` for too many or too few: defects of the caller's.
    """
    if not _sinks:
        return
    if len(labels) != len(instrument.labels):
        raise ValueError(f"{instrument.name} has the labels {instrument.labels}")
    words = tuple(_word(label) for label in labels)
    for sink in _sinks:
        try:
            sink.record(instrument, value, words)
        except Exception as error:  # whatever was measured counts for more than its measure
            log.warning("a measurement was lost: %s", type(error).__name__)


def _word(label: Value) -> str:
    value = told(label)
    return str(value).lower() if isinstance(value, bool) else str(value)


@contextmanager
def timed(instrument: Instrument, *labels: Value) -> Iterator[None]:
    """Observe the seconds that the block takes, however it ends."""
    if not _sinks:
        yield
        return
    began = time.perf_counter()
    try:
        yield
    finally:
        record(instrument, time.perf_counter() - began, *labels)
