"""The overview: how memories are decided, what waits and for how long, what is due, and how the log stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import path, reverse

from audit.acts import Act
from foundation.kernel.scope import tenant_transaction
from governance import erasures, figures, held
from memwrit.console import charts
from memwrit.console.charts import Bar, Chart, Series
from memwrit.console.navigation import Nav, Offers, shown_to
from memwrit.console.views import Page

NAV = Nav("Overview", "overview", "audit.read", 10)
DAYS, HOURS = 30, 24
NAMES = {
    Act.MEMORY_ADMIT: ("admitted", "s1"),
    Act.MEMORY_HOLD: ("held", "s2"),
    Act.MEMORY_REJECT: ("refused", "s5"),
}
LAGS = 60
"""Seconds after which the log is said to be behind."""


class Overview(Page):
    """Each part is shown to who may see its list."""

    acts = {"GET": "audit.read"}
    title = "Overview"
    template = "console/overview/overview.html"

    def get(self, request: HttpRequest) -> Mapping[str, Any]:
        who, offers = self.principal, Offers(self.principal)
        with tenant_transaction():
            told: dict[str, Any] = {"pages": {nav.path for nav in shown_to(who)}}
            told |= {"ledger": figures.ledger(who), "decisions": _decisions(self), "lags": LAGS}
            if "retrieval.read" in offers:
                told |= {"latencies": _latencies(self)}
            if "review.read" in offers:
                told |= {"queue": held.queue(who), "ages": _ages(self)}
            if "erasure.read" in offers:
                told |= {"deadlines": erasures.deadlines(who)}
            if "memory.list" in offers:
                told |= {"states": _states(self)}
        return told


def _decisions(page: Page) -> Chart:
    days, found = figures.decisions(page.principal, days=DAYS)
    series = [Series(NAMES[act][0], counts, NAMES[act][1]) for act, counts in found.items()]
    sums = ", ".join(f"{sum(each.values):,.0f} {each.name}" for each in series)
    labels = [day.strftime("%d %b") for day in days]
    return charts.columns(f"Decisions of the last {DAYS} days", f"Columns by day. In all {sums}.", labels, series)


def _latencies(page: Page) -> Chart:
    """Columns to where 95 of 100 were done, in two parts; the table says both numbers as they are."""
    found = figures.latencies(page.principal, hours=HOURS)
    count, slowest = sum(each.searches for each in found), max(each.most for each in found)
    title = f"Milliseconds a search took, in the last {HOURS} hours (UTC)"
    desc = f"Columns by hour, {count:,} searches in all. In the slowest hour 95 of 100 were done in {slowest:,} ms."
    series = [
        Series("half of them", [each.half for each in found], "s1"),
        Series("95 of 100", [each.most - each.half for each in found], "s2"),
    ]
    drawn = charts.columns(title, desc, [each.hour.strftime("%H:%M") for each in found], series)
    told = [each for each in found if each.searches]
    rows = [[each.hour.strftime("%d %b %H:%M"), *map(str, (each.searches, each.half, each.most))] for each in told]
    return replace(drawn, head=["Hour", "Searches", "Half within, ms", "95 of 100 within, ms"], rows=rows)


def _ages(page: Page) -> Chart:
    found = figures.held_by_age(page.principal)
    lines = [Bar(name, count, "s2") for name, count in found]
    told = ", ".join(f"{count} {name}" for name, count in found)
    return charts.bars("How long held memories have waited", f"Bars: {told}.", ("Waiting", "Memories"), lines)


def _states(page: Page) -> Chart:
    found, where = figures.by_state(page.principal), reverse("console-memories")
    lines = [
        Bar(name, count, "s1", f"{where}?state={name}" if name != "active" else where) for name, count in found.items()
    ]
    told = ", ".join(f"{count} {name}" for name, count in found.items())
    return charts.bars("Memories by state", f"Bars: {told}.", ("State", "Memories"), lines)


class PersonalData(Page):
    """The kinds of personal data found, which takes opening decisions: the overview asks for it once it is there."""

    acts = {"GET": "review.read"}
    title = "Personal data found"
    template = "console/overview/personal.html"
    audited = True

    def get(self, request: HttpRequest) -> Mapping[str, Any] | HttpResponse:
        found = figures.personal(self.principal)
        lines = [Bar(name, count, "s4") for name, count in found.kinds.items()]
        desc = ", ".join(f"{count} {name}" for name, count in found.kinds.items()) or "none"
        title = f"Personal data in the newest {found.decisions} decisions"
        told = {"chart": charts.bars(title, f"Bars by kind: {desc}.", ("Kind", "Found"), lines)}
        return self.part("console/parts/chart.html", told) if request.headers.get("HX-Request") else told


urlpatterns = [
    path("overview", Overview.as_view(), name="console-overview"),
    path("overview/personal", PersonalData.as_view(), name="console-overview-personal"),
]
