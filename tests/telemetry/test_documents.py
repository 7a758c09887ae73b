"""Rules, dashboards, runbooks and tables speak of metrics that exist, and of all of them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from foundation.telemetry import Attribute, Name, instruments

ROOT = Path(__file__).resolve().parents[2]
RULES = sorted((ROOT / "helm" / "memwrit" / "rules").glob("*.yaml"))
CASES = Path(__file__).parent / "rules"
DASHBOARDS = sorted((ROOT / "helm" / "memwrit" / "dashboards").glob("*.json"))
RUNBOOKS = ROOT / "docs" / "runbooks"
DOCUMENT = (ROOT / "docs" / "telemetry.md").read_text()
SERIES = {series for each in instruments.EVERY for series in each.series}
# What PromQL itself has, and labels: words that look like a metric's name and are none.
METRIC = re.compile(r"\b(?:memwrit|http_server|db_client)_[a-z0-9_]+\b")


def alerts():
    groups = [group for path in RULES for group in yaml.safe_load(path.read_text())["groups"]]
    return [rule for group in groups for rule in group["rules"]]


def expressions():
    found = {rule["alert"]: rule["expr"] for rule in alerts()}
    for path in DASHBOARDS:
        for panel in json.loads(path.read_text())["panels"]:
            found |= {f"{panel['title']} {each['refId']}": each["expr"] for each in panel.get("targets", ())}
    return found


def unknown(expression):
    """Names of metrics in a query that the code does not have."""
    without_labels = re.sub(r"\bby \([^)]*\)|\{[^}]*\}", "", expression)
    return set(METRIC.findall(without_labels)) - SERIES


def labels_in(expression):
    """Labels that a query asks for, by the metric that stands before them."""
    return [
        (metric, label)
        for metric, matchers in re.findall(r"([a-z_]+)\{([^}]*)\}", expression)
        for label in re.findall(r'([a-z_]+)\s*(?:=~|!~|!=|=)"', matchers)
    ]


def test_every_query_asks_for_metrics_and_labels_that_exist():
    assert len(expressions()) > 40
    assert {name: wrong for name, each in expressions().items() if (wrong := unknown(each))} == {}
    by_series = {series: each for each in instruments.EVERY for series in each.series}
    for expression in expressions().values():
        for series, label in labels_in(expression):
            assert label in {name.replace(".", "_") for name in by_series[series].labels} | {"component", "le"}


def test_a_metric_that_does_not_exist_would_be_found():
    assert unknown('rate(memwrit_search_duration_bucket{where="x"}[5m])') == {"memwrit_search_duration_bucket"}
    assert unknown("max(memwrit_held_open)") == set()


def test_a_metric_that_nobody_looks_at_is_told_why():
    """Each is in a rule or on the dashboard."""
    asked = " ".join(expressions().values())
    assert {each.name for each in instruments.EVERY if not any(series in asked for series in each.series)} == set()


def test_each_alert_has_a_runbook_and_each_runbook_its_alerts():
    named = {}
    for rule in alerts():
        path = rule["annotations"]["runbook_url"]
        assert (ROOT / path).is_file(), path
        assert rule["annotations"]["summary"]
        assert rule["labels"]["severity"] in ("critical", "warning")
        named.setdefault(path, set()).add(rule["alert"])
    for path in sorted(RUNBOOKS.glob("*.md")):
        text = path.read_text()
        told = set(re.findall(r"`(Memwrit\w+)`", text.split("\n\n")[1]))
        assert told == named[path.relative_to(ROOT).as_posix()], path.name
        for part in ("**Meaning.**", "**First look.**", "**What to do.**", "**Over when**"):
            assert part in text, (path.name, part)
        for link in re.findall(r"\]\(([a-z-]+\.md)\)", text):
            assert (RUNBOOKS / link).is_file(), link


def test_the_document_tells_of_every_metric_span_attribute_and_alert():
    for each in instruments.EVERY:
        labels = ", ".join(f"`{label}`" for label in each.labels) or "–"
        row = f"| `{each.name}` | {each.kind} | {each.unit} | {labels} | {each.tells} |"
        assert row in DOCUMENT, row
    rows = re.findall(r"^\| `([a-z._]+)` \| (?:counter|gauge|histogram)", DOCUMENT, re.MULTILINE)
    assert set(rows) == {each.name for each in instruments.EVERY}
    assert {each.value for each in Attribute if f"`{each.value}`" not in DOCUMENT} == set()
    told = {Name.REQUEST: "`METHOD /route`", Name.WORK: "`work KIND`"}
    assert {each for each in Name if told.get(each, f"`{each.value}`") not in DOCUMENT} == set()
    alerts_told = set(re.findall(r"`(Memwrit\w+)`", DOCUMENT))
    assert alerts_told <= {rule["alert"] for rule in alerts()}


def test_every_setting_of_telemetry_is_documented():
    source = (ROOT / "platform" / "memwrit" / "settings.py").read_text()
    asked = set(re.findall(r'"((?:OTEL|METRICS|PARITY)_[A-Z_]+)"', source))
    assert len(asked) >= 9
    settings = (ROOT / "docs" / "settings.md").read_text()
    assert {name for name in asked if f"`{name}`" not in settings} == set()


def test_the_dashboard_is_current():
    sys.path.insert(0, str(ROOT / "helm"))
    try:
        import dashboards
    finally:
        sys.path.remove(str(ROOT / "helm"))
    assert dashboards.WHERE.read_text() == dashboards.text(), "run `python helm/dashboards.py`"


def test_panels_stand_beside_each_other_and_not_upon_each_other():
    taken = set()
    for panel in json.loads(DASHBOARDS[0].read_text())["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells


def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not():
    fires, rests = set(), set()
    for path in CASES.glob("*_test.yaml"):
        for test in yaml.safe_load(path.read_text())["tests"]:
            for case in test["alert_rule_test"]:
                (fires if case["exp_alerts"] else rests).add(case["alertname"])
    names = {rule["alert"] for rule in alerts()}
    assert (names - fires, names - rests) == (set(), set())


@pytest.fixture
def promtool():
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("needs promtool (Debian's package `prometheus`)")
    return found


def test_prometheus_takes_the_rules(promtool):
    done = subprocess.run([promtool, "check", "rules", *map(str, RULES)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_alerts_fire_when_they_should_and_only_then(promtool, tmp_path):
    for path in (*RULES, *CASES.glob("*.yaml")):
        shutil.copy(path, tmp_path)
    run = [promtool, "test", "rules", *(path.name for path in CASES.glob("*_test.yaml"))]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
