"""`check --deploy` refuses what is unsafe. Each refusal is provoked for real, on a cluster of its own, and undone."""

import json
import os
import subprocess
import sys

import psycopg
import pytest

from memwrit.embedded.attach import ALL, environment
from memwrit.embedded.postgres import Cluster


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A cluster that may be spoilt, and the settings of `check`."""
    home = tmp_path_factory.mktemp("deployment")
    cluster = Cluster(home / "data", durable=False)
    settings = environment(cluster.start(), ALL) | {"SECRET_KEY": "of-the-test"}
    try:
        memwrit(settings, "migrate")
        yield cluster, settings
    finally:
        cluster.stop()
        cluster.directory.remove()


def memwrit(settings, *arguments):
    command = [sys.executable, "-m", "memwrit.cli", *arguments]
    return subprocess.run(command, env=settings, capture_output=True, text=True, check=False, timeout=120)


def checked(settings):
    done = memwrit(settings, "check", "--deploy", "--json")
    told = json.loads(done.stdout)
    assert done.returncode == (0 if told["safe"] else 1)
    return told


@pytest.fixture
def spoil(own):
    """Run SQL as the superuser, in the main database unless told, and its remedy afterwards."""
    cluster, _ = own
    remedies = []

    def do(wrong, remedy, database="memwrit"):
        url = cluster.superuser_url(database)
        remedies.append((url, remedy))
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(wrong)

    yield do
    for url, remedy in remedies:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(remedy)


def test_the_embedded_default_is_safe(own):
    assert checked(own[1]) == {"safe": True, "refusals": [], "warnings": []}


@pytest.mark.parametrize(
    ("right", "without"),
    [("SUPERUSER", "NOSUPERUSER"), ("BYPASSRLS", "NOBYPASSRLS"), ("CREATEROLE", "NOCREATEROLE")],
)
def test_a_role_with_too_many_rights_is_refused(own, spoil, right, without):
    spoil(f"ALTER ROLE memwrit_app {right}", f"ALTER ROLE memwrit_app {without}")
    assert any(each.startswith("default: role memwrit_app") for each in checked(own[1])["refusals"])


def test_a_role_that_inherits_such_a_right_is_refused(own, spoil):
    spoil("GRANT memwrit_backup TO memwrit_app", "REVOKE memwrit_backup FROM memwrit_app")
    assert "default: role memwrit_app bypasses rls" in checked(own[1])["refusals"]


def test_a_table_without_forced_row_level_security_is_refused(own, spoil):
    table = "kernel_workitem"
    spoil(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY", f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    assert f"default: row-level security is not forced on table {table}" in checked(own[1])["refusals"]


def test_an_unreviewed_table_is_refused(own, spoil):
    spoil("CREATE TABLE stray (id int)", "DROP TABLE stray")
    assert "default: table stray belongs to no tenant and was not reviewed" in checked(own[1])["refusals"]


def test_a_table_owned_by_the_application_is_refused(own, spoil):
    table = "kernel_workitem"
    spoil(f"ALTER TABLE {table} OWNER TO memwrit_app", f"ALTER TABLE {table} OWNER TO memwrit_owner")
    assert f"default: role memwrit_app owns table {table}" in checked(own[1])["refusals"]


def test_a_function_with_a_superusers_rights_is_refused(own, spoil):
    make = "CREATE FUNCTION lender() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'"
    spoil(make, "DROP FUNCTION lender", database="memwrit_keyring")
    assert "keyring: lender runs with the rights of postgres" in checked(own[1])["refusals"]


def test_a_log_that_would_hold_values_is_refused(own, spoil):
    spoil(
        "ALTER DATABASE memwrit SET log_min_error_statement = error",
        "ALTER DATABASE memwrit RESET log_min_error_statement",
    )
    assert any("log_min_error_statement" in each for each in checked(own[1])["refusals"])


def test_keys_that_others_may_read_are_refused(own):
    cluster, settings = own
    kms = cluster.directory.part("keys") / "kms"
    kms.mkdir(mode=0o700, exist_ok=True)
    kms.chmod(0o755)
    (kms / "epoch").touch(mode=0o644)
    try:
        assert any(each.startswith("KMS: others may open") for each in checked(settings)["refusals"])
    finally:
        (kms / "epoch").unlink()
        kms.chmod(0o700)


@pytest.mark.parametrize(
    "wrong",
    [
        {"JUDGE_URL": "http://10.0.0.8:8000/v1"},
        {"JUDGE_URL": "https://user:word@judge.example/v1"},
        {"JUDGE_URL": "https://judge.example/v1", "JUDGE_MODEL": "a b"},
        {"EGRESS_ALLOW": "jugde=http://127.0.0.1:8000"},
    ],
)
def test_a_judge_that_could_never_be_asked_is_refused(own, wrong):
    told = checked(own[1] | wrong)
    assert [each for each in told["refusals"] if "JUDGE_URL" in each]


def test_a_judge_that_the_operator_opened_is_allowed(own):
    opened = {"JUDGE_URL": "http://127.0.0.1:8000/v1", "EGRESS_ALLOW": "judge=http://127.0.0.1:8000"}
    assert checked(own[1] | opened)["safe"]


def test_a_distant_database_without_verified_tls_is_refused(own, monkeypatch):
    from django.conf import settings

    from memwrit import deployment
    from memwrit.environment import database

    monkeypatch.setitem(settings.DATABASES, "default", database("postgresql://app:x@db.example/memwrit"))
    assert any("sslmode" in each for each in deployment._transport())
    verified = database("postgresql://app:x@db.example/memwrit?sslmode=verify-full")
    monkeypatch.setitem(settings.DATABASES, "default", verified)
    assert not any("sslmode" in each for each in deployment._transport())


@pytest.mark.parametrize(
    "url",
    ["redis://queue.example/0", "amqp://user:word@queue.example//", "rediss://queue.example/0?ssl_cert_reqs=none"],
)
def test_a_distant_broker_without_verified_tls_is_refused(settings, url):
    from memwrit import deployment

    settings.BROKER_URL = url
    assert [each for each in deployment._broker() if each.startswith("BROKER_URL")]
    settings.BROKER_URL = "rediss://queue.example/0"
    assert not list(deployment._broker())


def test_the_tests_environment_holds_every_url_the_command_needs():
    assert set(os.environ) >= ALL
