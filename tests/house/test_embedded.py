"""The bundled PostgreSQL and its folder."""

import os
import stat
import subprocess
import tempfile
from pathlib import Path

import psycopg
import pytest

from memwrit.embedded import account, binaries, folders, roles, tables
from memwrit.embedded.folders import DataDirectoryError, InUse
from memwrit.embedded.postgres import SILENT, Cluster

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: an ordinary user lends PostgreSQL no other account")


@pytest.fixture
def place(tmp_path_factory):
    home = tmp_path_factory.mktemp("e")
    for folder in (home, *home.parents):
        if folder == Path(tempfile.gettempdir()):
            break
        folder.chmod(0o711)
    return home


@pytest.fixture
def own(place):
    cluster = Cluster(place / "data", durable=False)
    yield cluster
    cluster.stop()


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_each_role_signs_in_with_its_own_password_and_no_other(own):
    settings = own.start()
    for name, (role, database) in roles.URLS.items():
        with psycopg.connect(settings[name]) as connection:
            told = connection.execute("SELECT current_user, current_database()").fetchone()
        assert told == (f"memwrit_{role}", database)
    stranger = settings["DATABASE_URL"].replace("memwrit_app:", "memwrit_owner:")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(stranger)


def test_nobody_is_trusted(own):
    own.start()
    rules = (own.directory.part("pg") / "pg_hba.conf").read_text().splitlines()
    methods = {rule.split()[-1] for rule in rules if rule.strip() and not rule.startswith("#")}
    assert methods == {"scram-sha-256"}


def test_a_role_that_has_no_business_in_the_keyring_cannot_open_it(own):
    settings = own.start()
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        psycopg.connect(settings["DATABASE_SEQUENCER_URL"].replace("/memwrit?", "/memwrit_keyring?"))


def test_passwords_and_keys_are_closed_to_others(own):
    own.start()
    assert mode(own.directory.part("keys")) == 0o700
    assert mode(own.directory.part("keys") / "roles.json") == 0o600
    assert mode(own.directory.part("pg")) == 0o700
    assert mode(own.directory.socket_folder()) == 0o700


def test_it_listens_on_no_network(own):
    own.start()
    with psycopg.connect(own.superuser_url()) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)


def test_its_log_holds_no_values(own):
    own.start()
    with psycopg.connect(own.superuser_url(), autocommit=True) as connection:
        for name, value in SILENT.items():
            assert connection.execute(f"SELECT current_setting('{name}')").fetchone() == (value,)
        connection.execute("CREATE TABLE canary (word text PRIMARY KEY)")
        connection.execute("INSERT INTO canary VALUES (%s)", ["Quetzalcoatlus-7f3a91"])
        with pytest.raises(psycopg.errors.UniqueViolation, match="Quetzalcoatlus"):
            connection.execute("INSERT INTO canary VALUES (%s)", ["Quetzalcoatlus-7f3a91"])
    assert b"Quetzal" not in (own.directory.part("logs") / "postgresql.log").read_bytes()


def test_two_servers_never_share_a_directory(own):
    own.start()
    with pytest.raises(InUse, match="in use by another"):
        Cluster(own.directory.path).start()
    with psycopg.connect(own.superuser_url()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_after_a_crash_what_was_committed_is_there(place):
    own = Cluster(place / "data")
    try:
        own.start()
        with psycopg.connect(own.superuser_url()) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS n")
        own.crash()
        own.start()
        with psycopg.connect(own.superuser_url()) as connection:
            assert connection.execute("SELECT n FROM kept").fetchone() == (7,)
    finally:
        own.stop()


def test_a_status_file_whose_pid_is_another_process_now_is_stale(own):
    """After a reboot the pid may belong to anyone; PostgreSQL itself would refuse to start."""
    own.start()
    status = own.directory.part("pg") / "postmaster.pid"
    lines = status.read_text().splitlines()
    own.stop()
    bystander = subprocess.Popen(["sleep", "60"], **own.directory.account().popen())
    try:
        status.write_text("\n".join([str(bystander.pid), *lines[1:]]) + "\n")
        own.start()
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_server_left_behind_by_a_killed_supervisor_is_ended_first(own):
    own.start()
    orphan = own.process
    own.process = None
    own.directory.unlock()
    own.start()
    assert orphan.wait(60) is not None
    with psycopg.connect(own.superuser_url()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_half_made_cluster_is_made_anew(own):
    own.directory.prepare()
    (own.directory.part("pg")).mkdir()
    (own.directory.part("pg") / "base").mkdir()
    own.start()
    assert own.process.poll() is None


def test_a_folder_that_holds_other_things_is_refused(place):
    (place / "mine").mkdir()
    (place / "mine" / "thesis.txt").write_text("do not touch")
    with pytest.raises(DataDirectoryError, match="neither empty nor"):
        Cluster(place / "mine").start()
    assert [path.name for path in (place / "mine").iterdir()] == ["thesis.txt"]


def test_a_long_path_gets_a_short_socket(place):
    deep = place / ("d" * 60) / ("e" * 60)
    deep.parent.mkdir(mode=0o711)
    cluster = Cluster(deep, durable=False)
    try:
        settings = cluster.start()
        assert len(os.fsencode(cluster.directory.socket_folder())) <= folders.LONGEST_SOCKET_FOLDER
        with psycopg.connect(settings["DATABASE_URL"]) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        again = Cluster(deep)
        assert again.settings() == settings
    finally:
        cluster.stop()


@as_root
def test_below_a_closed_folder_the_directory_is_a_link_and_nothing_is_widened(place, monkeypatch):
    state = place / "state"
    state.mkdir(mode=0o755)
    monkeypatch.setattr(folders, "STATE", state)
    closed = place / "home"
    closed.mkdir(mode=0o700)
    cluster = Cluster(closed / "checkout" / ".memwrit", durable=False)
    try:
        cluster.start()
        assert cluster.directory.path.is_symlink()
        assert cluster.directory.real.parent == state
        assert mode(closed) == 0o700
        cluster.stop()
        cluster.start()
        with psycopg.connect(cluster.superuser_url()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        cluster.stop()
        cluster.directory.remove()
        assert list(state.iterdir()) == []
        assert not cluster.directory.path.is_symlink()
    finally:
        cluster.stop()


@as_root
def test_postgresql_runs_as_an_account_without_rights(own):
    own.start()
    owner = Path(f"/proc/{own.process.pid}").stat().st_uid
    assert owner == own.directory.account().uid != 0
    told = Path(f"/proc/{own.process.pid}/status").read_text()
    assert "Groups:\t \n" in told or "Groups:\t\n" in told


@as_root
def test_programs_in_a_closed_environment_are_copied_aside(place, monkeypatch):
    state = place / "state"
    state.mkdir(mode=0o755)
    monkeypatch.setattr(binaries, "STATE", state)
    nobody = account.choose(place / "none")
    closed = place / "venv"
    closed.mkdir(mode=0o700)
    (closed / binaries.WHEEL).symlink_to(binaries._package())
    real = binaries._package()
    monkeypatch.setattr(binaries, "_package", lambda: closed / binaries.WHEEL)
    monkeypatch.setattr(Path, "with_name", lambda path, name: real.parent / name)
    copied = binaries.programs(nobody)
    assert state in copied.parents
    assert binaries.programs(nobody) == copied
    done = subprocess.run(
        [copied / "initdb", "--version"], capture_output=True, text=True, check=True, **nobody.popen()
    )
    assert done.stdout.startswith("initdb (PostgreSQL) 18")


def test_tables_are_up_to_date_only_when_both_databases_have_every_migration(own, monkeypatch):
    settings = own.start()
    assert tables.applied(settings["DATABASE_OWNER_URL"]) == frozenset()
    assert not tables.up_to_date(settings)
    assert ("kernel", "0001_initial") in tables.on_disk()
    monkeypatch.setattr(tables, "applied", lambda url: tables.on_disk())
    assert tables.up_to_date(settings)
