"""`memwrit web` and `memwrit canary` as an operator runs them: a server on databases it was given, and a client of it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from memwrit.embedded.attach import WEB, settings_of
from tests.house.test_serve import Served

QUICK = {"EMBEDDER": "hash", "WEB_WORKERS": "1"}


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    server = Served(tmp_path_factory.mktemp("web") / "data")
    server.environment = lambda plain=server.environment: plain() | QUICK
    server.start()
    yield server
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(60) == 0


@pytest.fixture(scope="module")
def web(served):
    """A second web server beside the embedded one's, on the databases the first one brought."""
    port = free_port()
    given = {name: url for name, url in settings_of(str(served.data)).items() if name in WEB}
    keys = {"KMS": f"file:{served.data}/keys/kms", "AUDIT_PIN": f"file:{served.data}/pin"}
    command = [sys.executable, "-m", "memwrit.cli", "web", "--bind", f"127.0.0.1:{port}"]
    environment = served.environment() | given | keys | {"MEMWRIT_DATA": str(served.data)}
    process = subprocess.Popen(command, env=environment | {"DATABASE_OWNER_URL": "postgresql://never@/never"})
    url = f"http://127.0.0.1:{port}"
    await_answer(f"{url}/readyz")
    yield url, process
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def await_answer(url, within=60.0):
    limit = time.monotonic() + within
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (OSError, urllib.error.URLError):
            assert time.monotonic() < limit
            time.sleep(0.2)


def canary(served, url, key):
    command = [sys.executable, "-m", "memwrit.cli", "canary", "--url", url, "--within", "120"]
    environment = served.environment() | ({"CANARY_API_KEY": key} if key else {})
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)


def new_key(served):
    done = subprocess.run(
        served.command("tenant", "create", "canary", "--json"),
        env=served.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split('"api_key": "')[1].split('"')[0]


def test_a_canary_is_admitted_found_and_forgotten_through_the_web_server_alone(served, web):
    url, _ = web
    done = canary(served, url, new_key(served))
    assert done.returncode == 0, done.stderr
    assert "admitted, found, forgotten, gone" in done.stdout


def test_a_canary_without_a_key_that_is_known_says_so_and_fails(served, web):
    url, _ = web
    assert "CANARY_API_KEY" in canary(served, url, "").stderr
    refused = canary(served, url, "mw_00000000000000000000000000000000_0_0")
    assert refused.returncode == 1
    assert "came 401" in refused.stderr


def test_a_server_that_is_asked_for_its_models_is_ready_once_it_has_loaded_them(web):
    url, _ = web
    limit = time.monotonic() + 120
    while (told := readiness(f"{url}/readyz?models"))[0] != 200 and time.monotonic() < limit:
        assert told[1]["models"] == {"ok": False}
        time.sleep(0.2)
    assert (told[0], told[1]["models"]) == (200, {"ok": True})
    assert "models" not in readiness(f"{url}/readyz")[1]


def readiness(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, json.load(answer)["checks"]
    except urllib.error.HTTPError as refused:
        return refused.code, json.load(refused)["checks"]


def test_the_web_process_was_given_no_owners_database(web):
    _, process = web
    told = Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0")
    names = {line.partition(b"=")[0].decode() for line in told}
    assert "DATABASE_URL" in names
    assert not {name for name in names if "OWNER" in name}


def test_without_a_database_that_was_given_it_says_what_to_do():
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DATABASE", "KEYRING"))}
    command = [sys.executable, "-m", "memwrit.cli", "web"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, "DATABASE_URL is not set" in done.stderr) == (1, True)
