"""What the product tells of itself: spans and metrics, of ids, numbers and words of our own code alone.

    with telemetry.span(Name.SEARCH, {Attribute.LIMIT: 10}) as told: ...; told.set(Attribute.COUNT, 3)
    telemetry.record(instruments.ADMISSION_DECISIONS, 1, Decision.HOLD)

Nothing is told until a process has started it (`otlp.start`, `prometheus.start`), after its last fork; until then a
span costs a function call and a metric an empty loop. A value that could hold text is refused by its type, so that no
memory, name or query can leave this way (`docs/telemetry.md`). Providers are ours and never the global ones: a library
that tells of itself tells nobody.
"""

from foundation.telemetry import instruments
from foundation.telemetry.metrics import Instrument, record, timed
from foundation.telemetry.names import Attribute, Name, Where, Word
from foundation.telemetry.traces import Span, carry, current_ids, span, tracing

__all__ = [
    "Attribute",
    "Instrument",
    "Name",
    "Span",
    "Where",
    "Word",
    "carry",
    "current_ids",
    "instruments",
    "record",
    "span",
    "timed",
    "tracing",
]
