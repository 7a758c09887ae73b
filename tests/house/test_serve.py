"""`memwrit serve` as its users meet it: one line when ready, everything found again, nothing left behind."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import pytest

from memwrit.embedded.attach import ALL

ROOT = Path(__file__).resolve().parents[2]
AS_ROOT = os.geteuid() == 0
NOBODY = 65534
# The interpreter may lie in a folder closed to others; reading past that is the one right of root's that is kept.
ORDINARY = [
    "setpriv",
    *("--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups"),
    *("--bounding-set", "-all,+dac_read_search"),
    *("--inh-caps", "-all,+dac_read_search", "--ambient-caps", "-all,+dac_read_search"),
]
USERS = {"root": [], "an ordinary user": ORDINARY} if AS_ROOT else {"an ordinary user": []}


class Served:
    """A server in a process of its own, and what it said."""

    def __init__(self, data, prefix=()):
        self.data, self.prefix = data, list(prefix)
        self.process = None

    def command(self, *arguments):
        return [*self.prefix, sys.executable, "-m", "memwrit.cli", *arguments, "--data", str(self.data)]

    def environment(self):
        hidden = {
            *ALL,
            "MEMWRIT_DATA",
            "KMS",
            "AUDIT_PIN",
            "ERASURE_LEDGER",
            "KEYRING_COPIES",
            "DJANGO_SETTINGS_MODULE",
        }
        kept = {name: value for name, value in os.environ.items() if name not in hidden}
        return kept | {"PYTHONPATH": f"{ROOT / 'platform'}:{ROOT}", "HOME": str(self.data.parent)}

    def start(self):
        self.process = subprocess.Popen(
            self.command("serve", "--port", "0"),
            env=self.environment(),
            cwd=self.data.parent,
            stdout=subprocess.PIPE,
            stderr=(self.data.parent / "stderr").open("ab"),
            text=True,
        )
        line = self.process.stdout.readline()
        assert line.startswith("ready http://127.0.0.1:"), (line, self.errors())
        self.url = line.split()[1]
        return self

    def run(self, *arguments):
        command = self.command(*arguments)
        return subprocess.run(
            command, env=self.environment(), cwd=self.data.parent, capture_output=True, text=True, check=False
        )

    def errors(self):
        return (self.data.parent / "stderr").read_text()[-3000:]

    def children(self):
        return psutil.Process(self.process.pid).children(recursive=True)

    def child(self, word):
        """The direct child whose command line holds `word`."""
        own = psutil.Process(self.process.pid).children()
        return next(child for child in own if word in " ".join(child.cmdline()))

    def stop(self):
        children = self.children()
        self.process.send_signal(signal.SIGTERM)
        rest, _ = self.process.communicate(timeout=60)
        assert rest == ""
        assert gone(children, within=30)
        return self.process.returncode

    def end(self):
        """Whatever happened, leave no process behind."""
        if self.process is not None and self.process.poll() is None:
            children = self.children()
            self.process.kill()
            self.process.wait()
            for child in children:
                if child.is_running():
                    child.kill()


def gone(processes, within):
    _, alive = psutil.wait_procs(processes, timeout=within)
    return not alive


def get(url, key=""):
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"} if key else {})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        return refused.code, json.load(refused)


def eventually(check, within=20.0):
    limit = time.monotonic() + within
    while time.monotonic() < limit:
        try:
            if check():
                return True
        except (OSError, StopIteration, psutil.Error):
            pass
        time.sleep(0.1)
    return False


@pytest.fixture
def place(tmp_path_factory):
    """A short-named folder that anyone may enter, where a server may live."""
    home = tmp_path_factory.mktemp("s")
    for folder in (home, home.parent, home.parent.parent):
        if folder.stat().st_uid == os.geteuid():
            folder.chmod(0o711)
    return home


@pytest.fixture(params=USERS)
def served(request, place):
    prefix = USERS[request.param]
    if prefix:
        os.chown(place, NOBODY, NOBODY)
    server = Served(place / "data", prefix)
    yield server
    server.end()


@pytest.fixture
def running(place):
    server = Served(place / "data").start()
    yield server
    server.end()


def test_it_serves_stops_in_order_and_finds_everything_again(served):
    served.start()
    assert get(f"{served.url}/healthz") == (200, {"status": "ok"})
    status, told = get(f"{served.url}/readyz")
    assert (status, told["status"]) == (200, "ready")
    assert all(verdict["ok"] for verdict in told["checks"].values())
    made = json.loads(served.run("tenant", "create", "Acme", "--json").stdout)
    assert set(made) == {"tenant_id", "api_key"}
    assert get(f"{served.url}/v1/api_keys", made["api_key"])[0] == 200
    assert get(f"{served.url}/v1/api_keys", "mw_no_such_key")[0] == 401
    assert served.stop() == 0

    served.start()
    assert get(f"{served.url}/v1/api_keys", made["api_key"])[0] == 200
    assert served.stop() == 0


def test_commands_work_on_a_server_that_is_not_running(place):
    server = Served(place / "data")
    done = server.run("tenant", "create", "Acme", "--json")
    made = json.loads(done.stdout)
    done = server.run("key", "create", "--tenant", made["tenant_id"], "--role", "auditor", "--json")
    assert json.loads(done.stdout)["api_key"].startswith("mw_")
    done = server.run("person", "create", "--tenant", made["tenant_id"], "--role", "admin", "--email", "a@example.org")
    assert done.returncode == 0, done.stderr
    assert server.run("check", "--deploy").returncode == 0


def test_the_web_process_holds_no_other_roles_password(running):
    """Neither the owner's nor the sequencer's, relay's, eraser's or backup's: not even in its environment."""
    web = running.child("gunicorn")
    for process in (web, *web.children()):
        assert {name for name in process.environ() if name in ALL} == {"DATABASE_URL", "KEYRING_DATABASE_URL"}
    assert "DATABASE_OWNER_URL" not in running.child("tick").environ()


def test_it_listens_on_this_machine_alone(running):
    own = [psutil.Process(running.process.pid), *running.children()]
    listening = {c.laddr.ip for process in own for c in process.net_connections("inet") if c.status == "LISTEN"}
    assert listening == {"127.0.0.1"}


def test_a_data_directory_in_use_is_refused(running):
    done = running.run("serve", "--port", "0")
    assert done.returncode == 1
    assert done.stderr == f"memwrit: {running.data} is in use by another memwrit server\n"
    assert get(f"{running.url}/healthz")[0] == 200


@pytest.mark.parametrize("word", ["gunicorn", "tick", "postgres"])
def test_a_killed_child_is_started_again(running, word):
    victim = running.child(word)
    victim.kill()

    def back():
        return running.child(word).pid != victim.pid and all(
            verdict["ok"] for verdict in get(f"{running.url}/readyz")[1]["checks"].values()
        )

    assert eventually(back, within=60)


def test_after_a_kill_of_everything_it_is_back(running):
    made = json.loads(running.run("tenant", "create", "Acme", "--json").stdout)
    own = [psutil.Process(running.process.pid), *running.children()]
    for process in own:
        if process.is_running():
            process.kill()
    running.process.wait()
    assert gone(own, within=30)
    running.start()
    assert get(f"{running.url}/v1/api_keys", made["api_key"])[0] == 200


def test_nothing_outlives_a_killed_supervisor(running):
    children = running.children()
    running.process.kill()
    running.process.wait()
    assert gone(children, within=30)


def test_a_taken_port_is_told(running):
    port = running.url.rsplit(":", 1)[1]
    other = Served(running.data.parent / "other")
    done = other.run("serve", "--port", port)
    assert done.returncode == 1
    assert f"port {port} cannot be used" in done.stderr
