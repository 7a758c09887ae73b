"""The production form: gunicorn with two workers, the relay, a Celery worker on a real broker; one trace, one /metrics."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil
import pytest

from memwrit import web
from tests.telemetry.test_prometheus import asked, samples
from tests.workers.brokers import Valkey, free_port, kill_tree

ROOT = Path(__file__).resolve().parents[2]
CLI = [sys.executable, "-m", "memwrit.cli"]


class Deployment:
    """The processes, where they answer, and what they said."""

    def __init__(self, folder, received, broker):
        self.folder, self.port, self.metrics = folder, free_port(), free_port()
        self.processes = {}
        self.environment = os.environ | {
            "PYTHONPATH": f"{ROOT / 'platform'}:{ROOT}",
            "DJANGO_SETTINGS_MODULE": "tests.telemetry.quick_settings",
            "BROKER_URL": broker.url,
            "PULSE": str(folder / "pulse.json"),
            "OTEL_EXPORTER_OTLP_ENDPOINT": received.url,
            "OTEL_METRICS_EXPORTER": "otlp,prometheus",
            "OTEL_LOGS_EXPORTER": "otlp",
            "OTEL_BSP_SCHEDULE_DELAY": "200",
            "OTEL_METRIC_EXPORT_INTERVAL": "2000",
            "OTEL_EXPORTER_PROMETHEUS_PORT": str(self.metrics),
            "METRICS_FOLDER": str(folder / "metrics"),
        }

    def start(self):
        self._run("web", web.command(f"127.0.0.1:{self.port}", processes=2))
        self._await(lambda: self.get("/healthz"))
        self._run("tick", [*CLI, "tick"])
        self._run("worker", [*CLI, "worker", "--concurrency", "2"])
        return self

    def _run(self, name, command):
        with (self.folder / f"{name}.log").open("wb") as log:
            self.processes[name] = subprocess.Popen(command, env=self.environment, cwd=ROOT, stdout=log, stderr=log)

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=30) as answer:
            return answer.status

    def post(self, path, key, body):
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        address = f"http://127.0.0.1:{self.port}{path}"
        sent = urllib.request.Request(address, json.dumps(body).encode(), headers, method="POST")
        with urllib.request.urlopen(sent, timeout=60) as answer:
            return answer.status

    def _await(self, ready, within=300.0):
        limit = time.monotonic() + within
        while True:
            try:
                if ready():
                    return
            except OSError:
                pass
            assert time.monotonic() < limit, self.said()
            time.sleep(0.2)

    def said(self):
        return {name: (self.folder / f"{name}.log").read_text()[-2000:] for name in self.processes}

    def scraped(self):
        return samples(asked(self.metrics)[1])

    def answered(self, route, component="web"):
        """Requests that were counted, whoever of the web processes answered them."""
        name = "http_server_request_duration_seconds_count"
        return sum(
            value
            for (series, labels), value in self.scraped().items()
            if series == name and dict(labels)["http_route"] == route and dict(labels)["component"] == component
        )

    def stop(self):
        for process in self.processes.values():
            process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                kill_tree(process)


@pytest.fixture
def deployed(received, here, tmp_path):
    broker = Valkey()
    deployment = Deployment(tmp_path, received, broker)
    try:
        broker.start()
        yield deployment.start()
    finally:
        deployment.stop()
        broker.stop()


def test_the_production_form_tells_one_trace_and_one_set_of_counts(deployed, received, here):
    key, body = here.agent.key, {"space": here.space, "content": "The red kettle stands on the stove."}
    assert deployed.post("/v1/memories", key, body) == 201
    one_trace_over_three_processes(received)
    counts_of_all_web_processes(deployed, key)
    a_web_process_that_is_replaced_takes_no_counts_with_it(deployed, key)
    what_each_component_tells(deployed)
    assert b"kettle" not in received.everything
    deployed.stop()
    assert {span.name for span in received.spans} >= {"POST /v1/memories", "work search.index"}


def one_trace_over_three_processes(received):
    spans = received.await_spans(
        lambda spans: {"create_memory", "work search.index"} <= {each.name for each in spans}, 90
    )
    admission = next(span for span in spans if span.name == "create_memory")
    run = next(span for span in spans if span.name == "work search.index")
    received.await_spans(lambda spans: any(each.span_id == admission.parent_span_id for each in spans))
    services = received.services()
    assert run.trace_id == admission.trace_id
    assert run.parent_span_id == admission.span_id
    assert (services[admission.span_id], services[run.span_id]) == ("memwrit-web", "memwrit-worker")


def counts_of_all_web_processes(deployed, key):
    route = "/v1/memories:search"
    for _ in range(40):
        assert deployed.post(route, key, {"query": "kettle"}) == 200
    assert deployed.answered(route) == 40
    files = {path.name for path in (deployed.folder / "metrics" / "web").glob("histogram_*.db")}
    assert len(files) == 2, "both web processes answered, each into a file of its own"


def a_web_process_that_is_replaced_takes_no_counts_with_it(deployed, key):
    main = psutil.Process(deployed.processes["web"].pid)
    first = next(child for child in main.children() if "gunicorn" in " ".join(child.cmdline()))
    first.terminate()
    first.wait(30)
    deployed._await(lambda: deployed.get("/healthz"))
    for _ in range(10):
        assert deployed.post("/v1/memories:search", key, {"query": "kettle"}) == 200
    assert deployed.answered("/v1/memories:search") == 50


def what_each_component_tells(deployed):
    deployed._await(lambda: ("memwrit_tenants", (("component", "tick"),)) in deployed.scraped(), 60)
    found = deployed.scraped()
    runs = {
        dict(labels)["component"]: value
        for (name, labels), value in found.items()
        if name == "memwrit_work_runs_total"
        and dict(labels)["kind"] == "search.index"
        and dict(labels)["outcome"] == "done"
    }
    assert runs.keys() == {"worker"}, "with a broker the relay runs nothing itself"
    assert found["memwrit_audit_lag_seconds_count", (("component", "tick"),)] > 0
    assert found["memwrit_admission_decisions_total", (("component", "web"), ("decision", "admit"))] == 1
