"""Tests run on a real PostgreSQL, as the role the web process has, and their transactions commit.

Each pytest process has a cluster of its own, up before Django reads its settings. Tables are made by the owners, as in
production; tests then work as `app` (a test that owns its tables proves nothing about row-level security), each in a new
tenant, and nothing is ever flushed: TRUNCATE is denied to everyone. `@pytest.mark.django_db` is not needed.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import secrets
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import hypothesis
import psycopg
import pytest
from pytest_django import DjangoDbBlocker
from pytest_timeout import _get_item_settings

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "platform"), str(ROOT)]

from memwrit.embedded.folders import DataDirectoryError  # noqa: E402
from memwrit.embedded.postgres import Cluster  # noqa: E402
from tests.opensearch.assemble import CannotBeMade  # noqa: E402
from tests.opensearch.node import Node, running  # noqa: E402

PREFIX = f"memwrit-test-{os.getpid()}-{secrets.token_hex(4)}"
CLUSTER = Cluster(Path(tempfile.gettempdir()) / f"memwrit-tests-{os.getpid()}-{secrets.token_hex(4)}", durable=False)


def _bring_up() -> None:
    """Start the cluster and set the environment, before anything reads the settings. It goes however the run ends."""
    atexit.register(_tear_down)
    os.environ.update(CLUSTER.start() | {"DJANGO_SETTINGS_MODULE": "memwrit.settings"})
    from django.conf import settings

    assert "owner" in settings.DATABASES  # read now: pytest-django sets Django up only once its settings are read


def _tear_down() -> None:
    logging.getLogger("audit.heartbeat").disabled = True  # what it cannot write any more concerns nobody
    CLUSTER.stop()
    with contextlib.suppress(OSError, DataDirectoryError):
        CLUSTER.directory.remove()


hypothesis.settings.register_profile("untimed", deadline=None)  # machines are shared: no test is timed
hypothesis.settings.load_profile("untimed")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Every process that runs tests; not the one that only hands them out."""
    if hasattr(config, "workerinput") or not config.getoption("numprocesses", None):
        _bring_up()


def pytest_unconfigure(config: pytest.Config) -> None:
    _tear_down()


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    """The PostgreSQL this process's tests run on."""
    return CLUSTER


@pytest.fixture(scope="session")
def database(cluster: Cluster, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Both databases' tables, made by their owners exactly as `memwrit migrate` makes them; access for every test."""
    from django.core.management import call_command

    with django_db_blocker.unblock():
        for alias in ("owner", "keyring_owner"):
            call_command("migrate", database=alias, verbosity=0, interactive=False)
        yield


@pytest.fixture(scope="session", autouse=True)
def django_db_setup(database: None) -> None:
    """In place of pytest-django's: no test database of Django's making, and no flush."""


@pytest.fixture(autouse=True, scope="session")
def _databases_open_to_tests() -> None:
    """Django's test cases refuse databases they do not name; here every test may use every role."""
    from django.test import SimpleTestCase

    SimpleTestCase.databases = "__all__"  # type: ignore[assignment]


def new_tenant() -> UUID:
    """A tenant known to the kernel's registry, with nothing in it."""
    from foundation.kernel.ids import uuid7
    from foundation.kernel.models import Registry

    tenant_id = uuid7()
    Registry.objects.create(id=tenant_id)
    return tenant_id


@pytest.fixture
def tenant(cluster: Cluster, django_db_setup: None) -> Iterator[UUID]:
    """A new tenant, in scope for the whole test."""
    from foundation.kernel.scope import tenant_scope

    with tenant_scope(new_tenant()) as tenant_id:
        yield tenant_id
    _excuse(cluster, tenant_id)


@pytest.fixture
def other_tenant(cluster: Cluster, django_db_setup: None) -> Iterator[UUID]:
    """A second new tenant, not in scope."""
    tenant_id = new_tenant()
    yield tenant_id
    _excuse(cluster, tenant_id)


def _excuse(cluster: Cluster, tenant_id: UUID) -> None:
    """The tenant owes no work any more: what a test leaves undone would be done, or fail, in another test's time."""
    with psycopg.connect(cluster.superuser_url(), autocommit=True, options="-c lock_timeout=10s") as connection:
        connection.execute("DELETE FROM kernel_workitem WHERE tenant_id = %s", [tenant_id])


@pytest.fixture(scope="session")
def opensearch_node() -> Iterator[Node]:
    """A real OpenSearch for the whole run, shared by all its processes. Where none can be made (or the run says that
    it does without, `MEMWRIT_WITHOUT_OPENSEARCH=1`) the tests that ask for it are skipped and say why."""
    if os.environ.get("MEMWRIT_WITHOUT_OPENSEARCH"):
        pytest.skip("needs OpenSearch: MEMWRIT_WITHOUT_OPENSEARCH is set")
    with contextlib.ExitStack() as stack:
        try:
            node = stack.enter_context(running())
        except CannotBeMade as reason:
            pytest.skip(f"needs OpenSearch: {reason}")
        yield node


@pytest.fixture
def on_opensearch(request: pytest.FixtureRequest, settings: Any) -> Node:
    """The search engine of this test is OpenSearch, in indices that no other test process uses."""
    opensearch_node: Node = _untimed(request, "opensearch_node")
    settings.SEARCH_ENGINE = "opensearch"
    settings.OPENSEARCH_URL = opensearch_node.url
    settings.OPENSEARCH_PREFIX = PREFIX
    settings.OPENSEARCH_TIMEOUT = 30.0  # many processes share few cores
    return opensearch_node


def _untimed(request: pytest.FixtureRequest, name: str) -> Any:
    """A fixture that may have to be fetched first: that is not the test's time."""
    hook, item, limit = request.config.pluginmanager.hook, request.node, _get_item_settings(request.node)
    hook.pytest_timeout_cancel_timer(item=item)
    try:
        return request.getfixturevalue(name)
    finally:
        if limit.timeout and not limit.func_only:
            hook.pytest_timeout_set_timer(item=item, settings=limit)


@pytest.fixture
def superuser(cluster: Cluster) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A superuser's connection to the main database, for tests that look at catalogues or past every policy."""
    with psycopg.connect(cluster.superuser_url(), autocommit=True) as connection:
        yield connection


@pytest.fixture
def keyring_superuser(cluster: Cluster) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """The same, on the keyring's database."""
    with psycopg.connect(cluster.superuser_url("memwrit_keyring"), autocommit=True) as connection:
        yield connection
