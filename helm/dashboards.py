"""Makes the Grafana dashboard of the chart. `python helm/dashboards.py` writes it; a test says when it is not current.

Panels are told here in one line each; Grafana's JSON around them is the same for all.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WHERE = Path(__file__).parent / "memwrit" / "dashboards" / "memwrit.json"
SOURCE = {"type": "prometheus", "uid": "${source}"}
WIDTH, HEIGHT, ACROSS = 8, 7, 24


@dataclass(frozen=True, slots=True)
class Panel:
    """`queries`: legend → PromQL. `limit`: where the objective stands; above it (with `least`: below it) is red."""

    title: str
    queries: dict[str, str]
    unit: str = "short"
    limit: float | None = None
    least: bool = False
    kind: str = "timeseries"
    about: str = ""


def quantiles(metric: str, *shares: float, where: str = "", by: str = "") -> dict[str, str]:
    """Quantiles of a histogram over every process, by legend."""
    rate = f"sum by (le{', ' + by if by else ''}) (rate({metric}_bucket{where}[$__rate_interval]))"
    legend = f" {{{{{by}}}}}" if by else ""
    return {f"p{share * 100:g}{legend}": f"histogram_quantile({share}, {rate})" for share in shares}


def rates(metric: str, by: str) -> dict[str, str]:
    return {f"{{{{{by}}}}}": f"sum by ({by}) (rate({metric}[$__rate_interval]))"}


def each(metric: str, by: str, of: str = "max") -> dict[str, str]:
    return {f"{{{{{by}}}}}": f"{of} by ({by}) ({metric})"}


def one(metric: str, of: str = "max") -> dict[str, str]:
    return {"": f"{of}({metric})"}


ANSWERED = "rate(http_server_request_duration_seconds_count[$__rate_interval])"
FAILED = ANSWERED.replace("[", '{http_response_status_code=~"5.."}[')
BLOCKED = "increase(memwrit_search_cross_tenant_blocked_total[1h])"
UNVERIFIED = "increase(memwrit_verify_failures_total[1h])"
SINGLE = '{form="single"}'

ROWS: dict[str, list[Panel]] = {
    "What must be nought": [
        Panel("Blocked across tenants (1 h)", each(BLOCKED, "where", "sum"), limit=0, kind="stat"),
        Panel("Verifications that failed (1 h)", each(UNVERIFIED, "where", "sum"), limit=0, kind="stat"),
        Panel("Logs in quarantine", one("memwrit_audit_quarantined"), limit=0, kind="stat"),
        Panel(
            "Index against records",
            each("memwrit_parity_difference", "kind"),
            limit=0,
            about="Each tenant is compared once in PARITY_HOURS.",
        ),
        Panel("Requests that fail", {"5xx": f"sum({FAILED}) / sum({ANSWERED})"}, "percentunit", 0.01),
        Panel("Dead work", each('memwrit_outbox_depth{state="dead"}', "queue"), limit=0),
    ],
    "Admission and search": [
        Panel("Admission", quantiles("memwrit_admission_duration_seconds", 0.5, 0.95, 0.99, where=SINGLE), "s", 0.25),
        Panel("Decisions", rates("memwrit_admission_decisions_total", "decision"), "ops"),
        Panel("Search", quantiles("memwrit_search_duration_seconds", 0.5, 0.95, 0.99), "s", 0.15),
        Panel("From commit to visible", quantiles("memwrit_freshness_lag_seconds", 0.5, 0.99), "s", 5),
        Panel(
            "Search engine, by request",
            quantiles("db_client_operation_duration_seconds", 0.95, by="db_operation_name"),
            "s",
        ),
        Panel("Requests, by route", rates("http_server_request_duration_seconds_count", "http_route"), "reqps"),
        Panel("Slowest routes, p95", quantiles("http_server_request_duration_seconds", 0.95, by="http_route"), "s"),
    ],
    "Review": [
        Panel("Waiting for review", one("memwrit_held_open")),
        Panel("Oldest of them", one("memwrit_held_oldest_age_seconds"), "s", 259200),
        Panel("Tenants", one("memwrit_tenants"), kind="stat"),
    ],
    "Forgetting and keys": [
        Panel(
            "From the order to each layer, p99", quantiles("memwrit_forget_duration_seconds", 0.99, by="layer"), "s", 60
        ),
        Panel(
            "Time left to the nearest due date",
            one("memwrit_forget_sla_remaining_seconds", "min"),
            "s",
            259200,
            least=True,
            kind="stat",
        ),
        Panel("Open orders", one("memwrit_forget_open")),
        Panel("Longest under way", one("memwrit_forget_running_age_seconds"), "s", 300),
        Panel("Index owes a new key", one("memwrit_key_rekey_owed_seconds"), "s", 86400),
        Panel("Oldest key, by purpose", each("memwrit_key_age_seconds", "purpose"), "s"),
    ],
    "Audit log and work": [
        Panel("Until an event stands in its log", quantiles("memwrit_audit_lag_seconds", 0.5, 0.99), "s", 60),
        Panel("Oldest event outside its log", one("memwrit_audit_oldest_age_seconds"), "s", 60),
        Panel("Work owed", each('memwrit_outbox_depth{state="due"}', "queue")),
        Panel("Longest overdue", each("memwrit_outbox_overdue_age_seconds", "queue"), "s", 300),
        Panel("Items run, by outcome", rates("memwrit_work_runs_total", "outcome"), "ops"),
        Panel("Runs, p95 by kind", quantiles("memwrit_work_duration_seconds", 0.95, by="kind"), "s"),
        Panel("Since the last census", {"": "time() - max(memwrit_census_time_seconds)"}, "s", 600),
        Panel("Parity: longest since a tenant was compared", one("memwrit_parity_checked_age_seconds"), "s"),
    ],
}


def thresholds(panel: Panel) -> dict[str, Any]:
    good, bad = ("red", "green") if panel.least else ("green", "red")
    steps: list[dict[str, Any]] = [{"color": good if panel.limit is not None else "blue", "value": None}]
    if panel.limit is not None:
        steps.append({"color": bad, "value": panel.limit if panel.limit else 1e-9})
    return {"mode": "absolute", "steps": steps}


def drawn(panel: Panel, number: int, x: int, y: int) -> dict[str, Any]:
    """One panel as Grafana has it."""
    line = {"thresholdsStyle": {"mode": "line" if panel.limit else "off"}, "fillOpacity": 8, "showPoints": "never"}
    targets = [
        {"refId": chr(65 + at), "expr": expr, "legendFormat": legend or "__auto", "datasource": SOURCE}
        for at, (legend, expr) in enumerate(panel.queries.items())
    ]
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": SOURCE,
        "gridPos": {"h": HEIGHT, "w": WIDTH, "x": x, "y": y},
        "fieldConfig": {
            "defaults": {"unit": panel.unit, "min": 0, "thresholds": thresholds(panel), "custom": line}
            if panel.kind == "timeseries"
            else {"unit": panel.unit, "thresholds": thresholds(panel)},
            "overrides": [],
        },
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}} if panel.kind == "timeseries" else {},
        "targets": targets,
    }


def panels() -> list[dict[str, Any]]:
    """Every row and its panels, placed."""
    made: list[dict[str, Any]] = []
    y = 0
    for title, row in ROWS.items():
        place = {"h": 1, "w": ACROSS, "x": 0, "y": y}
        made.append({"id": len(made) + 1, "type": "row", "title": title, "gridPos": place, "panels": []})
        y += 1
        for at, panel in enumerate(row):
            x = at * WIDTH % ACROSS
            made.append(drawn(panel, len(made) + 1, x, y + at * WIDTH // ACROSS * HEIGHT))
        y += -(-len(row) * WIDTH // ACROSS) * HEIGHT
    return made


def dashboard() -> dict[str, Any]:
    return {
        "uid": "memwrit",
        "title": "Memwrit",
        "tags": ["memwrit"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "utc",
        "templating": {
            "list": [{"name": "source", "label": "Data source", "type": "datasource", "query": "prometheus"}]
        },
        "panels": panels(),
    }


def text() -> str:
    return json.dumps(dashboard(), indent=1, ensure_ascii=True) + "\n"


if __name__ == "__main__":
    WHERE.write_text(text(), encoding="ascii")
