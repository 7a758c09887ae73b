"""What makes a deployment unsafe, looked up in PostgreSQL's catalogue and on the disk. `memwrit check --deploy`."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connections

from audit.witnessing import witnesses
from foundation.egress import Client, EgressRefused, Use
from foundation.kernel import catalogue
from guard.optional_judge.endpoint import model_name

# Tables that belong to no one tenant, each reviewed: ids and states only, or Django's own list of migrations.
WITHOUT_TENANT = {
    "django_migrations": "Django's list of applied migrations",
    "kernel_registry": "every tenant's id and state, for jobs that open a scope for each",
}
OWNERS = ("owner", "keyring_owner")
# The backup role reads every row by its nature; it is in no serving process.
MAY_BYPASS = {"backup", "keyring_backup"}
# With any other value an error's statement, parameters or detail reach the server's log (proven).
SILENT = {
    "log_min_messages": "panic",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_statement": "none",
    "log_min_duration_statement": "-1",
}
LOCAL = ("127.0.0.1", "::1", "localhost")


def refusals() -> list[str]:
    """Every reason not to run this deployment; empty when there is none."""
    return [*_roles(), *_tables(), *_routines(), *_logging(), *_transport(), *_files(), *_outgoing()]


def warnings() -> list[str]:
    """What is allowed and should be known."""
    found = []
    if not (os.environ.get("SECRET_KEY") or os.environ.get("SECRET_KEY_FILE")):
        found.append("SECRET_KEY is not set: each process makes its own")
    public = urlsplit(settings.PUBLIC_URL)
    if public.scheme != "https" and public.hostname not in LOCAL:
        found.append("PUBLIC_URL is not https: people would sign in to the console in the clear")
    if not set(OWNERS) & set(connections):
        found.append("the owners' databases were not given: the tables' owner was not compared")
    if "prometheus" in settings.OTEL_METRICS and settings.METRICS_HOST not in LOCAL and not settings.METRICS_TOKEN:
        found.append("/metrics is answered beyond this machine without METRICS_TOKEN: let the network say to whom")
    return found


def _roles() -> Iterator[str]:
    for alias in connections:
        role = catalogue.current_role(alias)
        unsafe = [right for right in role.unsafe if not (alias in MAY_BYPASS and right == "bypasses_rls")]
        for right in unsafe:
            yield f"{alias}: role {role.name} {right.replace('_', ' ')}"


def _tables() -> Iterator[str]:
    for alias in _bases():
        role = catalogue.current_role(alias).name
        for table in catalogue.tables(alias):
            if table.owner == role and alias not in OWNERS:
                yield f"{alias}: role {role} owns table {table.name}"
            yield from _guarded(alias, table)


def _guarded(alias: str, table: catalogue.Table) -> Iterator[str]:
    if not table.has_tenant:
        if table.name not in WITHOUT_TENANT:
            yield f"{alias}: table {table.name} belongs to no tenant and was not reviewed"
        return
    if not (table.rls and table.forced):
        yield f"{alias}: row-level security is not forced on table {table.name}"
    if not table.policies:
        yield f"{alias}: table {table.name} has no policy"


def _routines() -> Iterator[str]:
    for alias in _bases():
        for routine in catalogue.routines(alias):
            if routine.owner_is_superuser or routine.as_owner:
                yield f"{alias}: {routine.name} runs with the rights of {routine.owner}"


def _logging() -> Iterator[str]:
    for alias in _bases():
        for name, value in catalogue.settings(alias, list(SILENT)).items():
            if value != SILENT[name]:
                yield f"{alias}: PostgreSQL's {name} is {value}, not {SILENT[name]}: values may reach its log"


def _transport() -> Iterator[str]:
    for alias in connections:
        given = settings.DATABASES[alias]
        far = not given["HOST"].startswith("/") and given["HOST"] not in LOCAL
        if far and given["OPTIONS"].get("sslmode") not in ("verify-full", "verify-ca"):
            yield f"{alias}: the connection leaves this machine without sslmode=verify-full"
    if settings.SEARCH_ENGINE == "opensearch":
        yield from _searching()
    yield from _broker()
    yield from _collector()


def _searching() -> Iterator[str]:
    for url in settings.OPENSEARCH_URL.split(","):
        part = urlsplit(url.strip())
        if part.scheme != "https" and part.hostname not in LOCAL:
            yield "OPENSEARCH_URL: the connection leaves this machine without TLS"


def _collector() -> Iterator[str]:
    part = urlsplit(settings.OTEL_ENDPOINT)
    if settings.OTEL_ENDPOINT and part.scheme != "https" and part.hostname not in LOCAL:
        yield "OTEL_EXPORTER_OTLP_ENDPOINT: the connection leaves this machine without TLS"


def _broker() -> Iterator[str]:
    part = urlsplit(settings.BROKER_URL)
    if not settings.BROKER_URL or part.hostname in (*LOCAL, None):
        return
    if part.scheme not in ("rediss", "amqps"):
        yield "BROKER_URL: the connection leaves this machine without TLS"
    elif "ssl_cert_reqs" in part.query:
        yield "BROKER_URL: certificates are always verified, and the URL says otherwise"


def _files() -> Iterator[str]:
    """Keys that others can read. The pin is public in content, but only its owner may change it."""
    for name, forbidden in (("KMS", stat.S_IRWXG | stat.S_IRWXO), ("AUDIT_PIN", stat.S_IWGRP | stat.S_IWOTH)):
        scheme, _, place = getattr(settings, name).partition(":")
        if scheme == "file":
            yield from (f"{name}: others may open {path}" for path in _open_to_others(Path(place), forbidden))


def _outgoing() -> Iterator[str]:
    """A judge or a witness that no request could ever reach, and an allow-list that cannot be read."""
    try:
        Client(Use.JUDGE).check(settings.JUDGE_URL or "https://unset.invalid")
        model_name()
    except (EgressRefused, ImproperlyConfigured) as error:
        yield f"JUDGE_URL, JUDGE_MODEL, EGRESS_ALLOW: {error}"
    try:
        witnesses()
    except (EgressRefused, ImproperlyConfigured) as error:
        yield f"WITNESSES, EGRESS_ALLOW: {error}"


def _open_to_others(root: Path, forbidden: int) -> Iterator[Path]:
    """The first folder that is closed to others guards all below it, so only what is open is looked into."""
    if not root.exists() or not root.stat().st_mode & forbidden:
        return
    below = [path for path in root.rglob("*") if path.is_file() and path.suffix != ".pub"] if root.is_dir() else []
    exposed = [path for path in below if path.stat().st_mode & forbidden]
    yield from exposed[:5] or [root]


def _bases() -> list[str]:
    """One alias for each database: the role that serves."""
    return [alias for alias in ("default", "keyring") if alias in connections]
