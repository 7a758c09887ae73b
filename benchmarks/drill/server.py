"""An embedded server in processes of its own, to be killed, and a client that notes what was promised."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Answer:
    """A response; status 0 when none came."""

    status: int
    body: Any
    headers: dict[str, str]


class Server:
    """`memwrit serve` on a data directory and one port, which stays the same over restarts."""

    def __init__(self, data: Path, port: int = 0, embedder: str = "hash") -> None:
        self.data, self.port, self.embedder = data, port, embedder
        self.process: subprocess.Popen[str] | None = None
        self.url = ""

    def start(self) -> float:
        """Start it and wait for its ready line; the seconds it took."""
        began = time.monotonic()
        with (self.data.parent / "serve.log").open("ab") as log:
            command = self._command("serve", "--port", str(self.port))
            self.process = subprocess.Popen(
                command, env=_environment(self.embedder), stdout=subprocess.PIPE, stderr=log, text=True
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line.startswith("ready "):
            raise RuntimeError(f"the server did not start; see {self.data.parent / 'serve.log'}")
        self.url = line.split()[1]
        self.port = int(self.url.rsplit(":", 1)[1])
        return time.monotonic() - began

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(90)

    def run(self, *arguments: str) -> Any:
        """A command on this data directory, its JSON answer."""
        done = subprocess.run(
            self._command(*arguments, "--json"),
            env=_environment(self.embedder),
            capture_output=True,
            text=True,
            check=True,
        )
        return json.loads(done.stdout)

    def kill(self, what: str) -> None:
        """SIGKILL: `web` (gunicorn and its workers), `tick`, `both`, or `all` with PostgreSQL and the supervisor."""
        for process in self._victims(what):
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        if what == "all" and self.process is not None:
            self.process.wait()

    def _victims(self, what: str) -> list[psutil.Process]:
        assert self.process is not None
        supervisor = psutil.Process(self.process.pid)
        if what == "all":
            return [supervisor, *supervisor.children(recursive=True)]
        words = {"web": ("gunicorn",), "tick": ("memwrit.cli tick",), "both": ("gunicorn", "memwrit.cli tick")}[what]
        found = [child for child in supervisor.children() if any(word in _line(child) for word in words)]
        return [each for child in found for each in (child, *child.children(recursive=True))]

    def ask(self, method: str, path: str, key: str = "", body: Any = None, **headers: str) -> Answer:
        """One request; never raises for what the server or its absence answers."""
        data = None if body is None else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named |= {"Content-Type": "application/json"} if data is not None else {}
        named |= {"Authorization": f"Bearer {key}"} if key else {}
        request = urllib.request.Request(f"{self.url}{path}", data=data, method=method, headers=named)
        try:
            return _sent(request)
        except (OSError, ValueError, HTTPException):  # refused, or cut in the middle
            return Answer(0, None, {})

    def await_whole(self, within: float = 60.0) -> float:
        """Wait until everything answers and the worker has caught up; the seconds it took."""
        began = time.monotonic()
        while time.monotonic() - began < within:
            answer = self.ask("GET", "/readyz")
            if answer.status == 200 and all(_caught_up(check) for check in answer.body["checks"].values()):
                return time.monotonic() - began
            time.sleep(0.1)
        raise RuntimeError("the server did not become whole again")

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "memwrit.cli", *arguments, "--data", str(self.data)]


def _caught_up(check: dict[str, Any]) -> bool:
    return bool(check["ok"]) and (check.get("behind_s") is None or check["behind_s"] < 20)


def _sent(request: urllib.request.Request) -> Answer:
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return _answer(answer.status, answer.read(), answer.headers)
    except urllib.error.HTTPError as refused:
        return _answer(refused.code, refused.read(), refused.headers)


def _answer(status: int, data: bytes, headers: Any) -> Answer:
    kind = headers.get("Content-Type", "")
    return Answer(status, json.loads(data) if "json" in kind and data else data.decode(), dict(headers))


def _line(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def _environment(embedder: str) -> dict[str, str]:
    hidden = ("DATABASE_", "KEYRING_", "MEMWRIT_", "KMS", "AUDIT_", "ERASURE_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    return kept | {"EMBEDDER": embedder, "PYTHONPATH": f"{ROOT / 'platform'}:{ROOT}"}
