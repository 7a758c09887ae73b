"""Every metric there is. `docs/telemetry.md`, the dashboards and the alert rules are held against this table.

Histograms' bounds stand where the objectives are (`docs/telemetry.md`), so that an objective can be read off exactly.
No label ever holds a tenant's id: series would be as many as tenants, and would tell who they are.
"""

from __future__ import annotations

from foundation.telemetry.metrics import Instrument, Kind

_QUICK = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_SLOW = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0, 86400.0)
_TABLE: dict[str, Instrument] = {}


def _made(instrument: Instrument) -> Instrument:
    return _TABLE.setdefault(instrument.name, instrument)


def _counter(name: str, unit: str, tells: str, *labels: str) -> Instrument:
    return _made(Instrument(name, Kind.COUNTER, unit, tells, labels))


def _gauge(name: str, unit: str, tells: str, *labels: str) -> Instrument:
    return _made(Instrument(name, Kind.GAUGE, unit, tells, labels))


def _histogram(name: str, bounds: tuple[float, ...], tells: str, *labels: str) -> Instrument:
    return _made(Instrument(name, Kind.HISTOGRAM, "s", tells, labels, bounds))


REQUEST_DURATION = _histogram(
    "http.server.request.duration",
    _QUICK,
    "requests, by the pattern of their address",
    "http.request.method",
    "http.route",
    "http.response.status_code",
)

ADMISSION_DURATION = _histogram(
    "memwrit.admission.duration", _QUICK, "admissions, from the submission to its commit", "form"
)
ADMISSION_DECISIONS = _counter("memwrit.admission.decisions", "{memory}", "what became of submissions", "decision")
HELD_OPEN = _gauge("memwrit.held.open", "{memory}", "memories that wait for a person's review")
HELD_AGE = _gauge("memwrit.held.oldest_age", "s", "how long the oldest of them waits")

SEARCH_DURATION = _histogram("memwrit.search.duration", _QUICK, "searches, from the question to the audited answer")
SEARCH_BLOCKED = _counter(
    "memwrit.search.cross_tenant_blocked",
    "{row}",
    "rows of the search engine's answer that are not the asking tenant's, or that the database does not know",
    "where",
)
FRESHNESS_LAG = _histogram("memwrit.freshness.lag", _SLOW, "from a change's commit until the index has it")
ENGINE_DURATION = _histogram(
    "db.client.operation.duration", _QUICK, "requests to the search engine", "db.system.name", "db.operation.name"
)

WORK_RUNS = _counter("memwrit.work.runs", "{item}", "items of the outbox that were run", "kind", "outcome")
WORK_DURATION = _histogram("memwrit.work.duration", _SLOW, "runs of one or more items together", "kind")
OUTBOX_DEPTH = _gauge("memwrit.outbox.depth", "{item}", "items owed, by queue", "queue", "state")
OUTBOX_AGE = _gauge("memwrit.outbox.overdue_age", "s", "how long the item longest due is overdue", "queue")

AUDIT_LAG = _histogram("memwrit.audit.lag", _SLOW, "from an event until it stands in its tenant's signed log")
AUDIT_AGE = _gauge("memwrit.audit.oldest_age", "s", "how long the oldest event waits that is not in its log yet")
VERIFY_FAILURES = _counter("memwrit.verify.failures", "{failure}", "what did not add up when it was verified", "where")
QUARANTINED = _gauge("memwrit.audit.quarantined", "{tenant}", "tenants whose log stands still since it did not add up")

FORGET_DURATION = _histogram(
    "memwrit.forget.duration", _SLOW, "from the order to forget until a layer has forgotten", "layer"
)
FORGET_OPEN = _gauge("memwrit.forget.open", "{request}", "erasures that are asked for or under way")
FORGET_RUNNING = _gauge("memwrit.forget.running_age", "s", "how long the longest erasure has been under way")
FORGET_REMAINING = _gauge(
    "memwrit.forget.sla_remaining", "s", "time left to the nearest due date; the whole term while none is open"
)

PARITY = _gauge("memwrit.parity.difference", "{version}", "versions by which index and records differ", "kind")
PARITY_AGE = _gauge("memwrit.parity.checked_age", "s", "how long ago the tenant was compared whose turn is next")
KEY_AGE = _gauge("memwrit.key.age", "s", "age of the oldest key of a purpose", "purpose")
REKEY_OWED = _gauge("memwrit.key.rekey_owed", "s", "how long the index has owed a new key since an erasure")
CENSUS_AT = _gauge("memwrit.census.time", "s", "when the figures that come from the database were last taken (epoch)")
TENANTS = _gauge("memwrit.tenants", "{tenant}", "active tenants")

EVERY: tuple[Instrument, ...] = tuple(_TABLE.values())
