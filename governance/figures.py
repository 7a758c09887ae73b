"""The numbers of the overview: each is one grouped query, whatever the tenant's size (inside a transaction each).

Decisions are counted in the log, where a refused memory leaves its only trace; so what was not sequenced yet is not in
them. The newest decisions are opened for the kinds of personal data they found, because nothing in the clear has those.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from django.db.models import Aggregate, Count, F, Q
from django.db.models.functions import TruncHour

from audit.acts import Act
from audit.models import Entry
from audit.origin import own_checkpoint
from audit.selectors import State, published, state
from audit.services.record import record
from foundation.kernel.clock import now
from foundation.kernel.principal import Principal
from foundation.kernel.problems import NotSequenced
from foundation.kernel.scope import current_tenant, tenant_transaction
from governance import selectors
from governance.models import Admission, Retrieval
from tenants.policy import may
from tenants.roles import POLICY

DAY_MS = 24 * 3600 * 1000
DECISIONS = (Act.MEMORY_ADMIT, Act.MEMORY_HOLD, Act.MEMORY_REJECT)
AGES = (
    ("under an hour", timedelta(hours=1)),
    ("under a day", timedelta(days=1)),
    ("under a week", timedelta(weeks=1)),
    ("longer", None),
)
OPENED = 200


@dataclass(frozen=True, slots=True)
class Ledger:
    """How the log stands: what waits to be sequenced, and the newest checkpoint whose signature was just checked
    (None: there is none yet) with when it was signed."""

    state: State
    size: int | None
    signed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Personal:
    """Of the newest `decisions`, how often each kind of personal data was found."""

    decisions: int
    kinds: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Latency:
    """The searches of one hour: how many, and in how many milliseconds half of them and 95 of 100 were done, from the
    question to the record of what was handed out (not: until the client had it)."""

    hour: datetime
    searches: int
    half: int
    most: int


class _Share(Aggregate):
    """The value that `share` of all do not exceed."""

    function = "percentile_disc"
    template = "%(function)s(%(share)s) WITHIN GROUP (ORDER BY %(expressions)s)"


def decisions(principal: Principal, *, days: int) -> tuple[list[date], dict[Act, list[int]]]:
    """The last `days` days (UTC), oldest first, and for each act how many there were on each of them."""
    may(principal, "audit.read")
    today = now().astimezone(UTC).date()
    shown = [today - timedelta(days=back) for back in reversed(range(days))]
    since = datetime(shown[0].year, shown[0].month, shown[0].day, tzinfo=UTC)
    rows = Entry.objects.filter(id__gte=_floor(since), act__in=DECISIONS).order_by()
    counted = rows.annotate(day=F("ts") / DAY_MS).values_list("act", "day").annotate(Count("id"))
    found = {(act, day): count for act, day, count in counted}
    numbers = [(each - date(1970, 1, 1)).days for each in shown]
    return shown, {act: [found.get((act.value, number), 0) for number in numbers] for act in DECISIONS}


def latencies(principal: Principal, *, hours: int) -> list[Latency]:
    """The last `hours` hours (UTC), oldest first, also those in which nothing was searched."""
    may(principal, Act.RETRIEVAL_READ)
    present = now().astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    shown = [present - timedelta(hours=back) for back in reversed(range(hours))]
    rows = Retrieval.objects.filter(id__gte=_floor(shown[0]), took_ms__isnull=False).order_by()
    by_hour = rows.annotate(hour=TruncHour("at", tzinfo=UTC)).values_list("hour")
    counted = by_hour.annotate(Count("id"), half=_Share("took_ms", share=0.5), most=_Share("took_ms", share=0.95))
    found = {told[0]: Latency(*told) for told in counted}
    return [found.get(hour, Latency(hour, 0, 0, 0)) for hour in shown]


def held_by_age(principal: Principal) -> list[tuple[str, int]]:
    """How many wait for a person, by how long they have."""
    bounds, at = [], now()
    newest: datetime | None = None
    for name, limit in AGES:
        within = Q(held_at__gt=at - limit) if limit else Q()
        older = Q(held_at__lte=newest) if newest else Q()
        bounds.append((name, within & older))
        newest = at - limit if limit else None
    rows = selectors.admissions(principal, state=Admission.State.HELD).filter(waits=False)
    counts = rows.aggregate(**{f"age_{place}": Count("id", filter=bound) for place, (_, bound) in enumerate(bounds)})
    return [(name, counts[f"age_{place}"]) for place, (name, _) in enumerate(bounds)]


def by_state(principal: Principal) -> dict[str, int]:
    """How many memories within reach are in which state."""
    may(principal, Act.MEMORY_LIST)
    return dict(selectors.readable(principal).order_by().values_list("state").annotate(Count("id")).order_by("state"))


def ledger(principal: Principal) -> Ledger:
    """How the log stands. The checkpoint is the pinned one; raises `Integrity` if its signature does not hold."""
    may(principal, "audit.read")
    try:
        checkpoint = own_checkpoint(published().note, current_tenant())
    except NotSequenced:
        return Ledger(state(), None, None)
    signed = checkpoint.extensions.get("at", "")
    signed_at = datetime.fromtimestamp(int(signed) / 1000, UTC) if signed.isdigit() else None
    return Ledger(state(), checkpoint.size, signed_at)


def personal(principal: Principal) -> Personal:
    """The kinds of personal data in the newest decisions within reach. Not in a transaction; the look is an event."""
    with tenant_transaction():
        rows: Sequence[Admission] = list(selectors.admissions(principal, state=None).order_by("-id")[:OPENED])
        record(principal, Act.REVIEW_READ, policy=POLICY, detail={"counted": len(rows)})
    opened = selectors.reviews(principal, rows)
    kinds = Counter(span["type"] for _, decision in opened for span in decision["redactions"])
    return Personal(len(opened), dict(kinds.most_common()))


def _floor(at: datetime) -> UUID:
    """The smallest id that could have been made at that moment: ids are ordered by time, and their index with them."""
    return UUID(int=int(at.timestamp() * 1000) << 80)
