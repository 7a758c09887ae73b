"""Telemetry as it leaves: a real receiver, and this process telling it everything, for one test at a time."""

from __future__ import annotations

import logging

import pytest

from tests.telemetry.receiver import receiver


@pytest.fixture(autouse=True)
def quick(settings):
    """As in `tests/api`: marked persons and hashed words."""
    from foundation.search.embedders import embedder

    settings.PII_REDACTOR = "tests.governance.plain.MarkedRedactor"
    settings.EMBEDDER = "hash"
    embedder.cache_clear()
    yield
    embedder.cache_clear()


@pytest.fixture
def received():
    with receiver() as one:
        yield one


@pytest.fixture
def telling(settings, received, monkeypatch):
    """This process tells the receiver everything, until the returned function ends it (or the test)."""
    from memwrit import telemetry

    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", received.url)
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "3600000")  # at the end, once
    settings.OTEL_TRACES = settings.OTEL_METRICS = settings.OTEL_LOGS = frozenset({"otlp"})
    settings.OTEL_DISABLED, settings.OTEL_HEADERS = False, ""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.DEBUG)  # the most that could be told
    telemetry.start("web")
    yield telemetry.stop
    telemetry.stop()
    root.setLevel(level)


@pytest.fixture
def here(database):
    from tests.api.builders import World

    return World("here")
