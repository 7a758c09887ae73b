"""The embedded server of one demo, as a process of its own, and the `memwrit` command beside it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from memwrit.demo.client import Broken
from memwrit.embedded.attach import ALL
from memwrit.embedded.children import bound_to_parent

# What would lead the server to another database or other keys than the demo's own.
KEPT = {"KMS", "AUDIT_PIN", "ERASURE_LEDGER", "KEYRING_COPIES", "PULSE"}
ELSEWHERE = {*ALL, *KEPT, "MEMWRIT_DATA", "DJANGO_SETTINGS_MODULE"}
# One web process answers one guest; the models are made ready once for all demos.
OWN = {"WEB_WORKERS": "1", "MODELS": str(Path.cwd() / ".memwrit" / "models")}
STOP_WITHIN = 90.0


def surroundings() -> dict[str, str]:
    """This process's environment without what points to another installation."""
    hidden = {name for setting in ELSEWHERE for name in (setting, f"{setting}_FILE")}
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    return OWN | kept


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "memwrit.cli", *arguments]


@dataclass(slots=True)
class House:
    """A data directory and, between `start` and `stop`, the server on it. What it says goes to `log`."""

    data: Path
    log: Path
    arguments: tuple[str, ...] = ("-m", "memwrit.cli", "serve", "--port", "0", "--data")
    url: str = ""
    process: subprocess.Popen[str] | None = field(default=None)

    def start(self) -> str:
        """Bring it up; its URL. Raises `Broken` with the end of its log where it does not come."""
        self.launch()
        return self.await_ready()

    def launch(self) -> None:
        """Let it come up while other things are done."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *self.arguments, str(self.data)],
                env=surroundings(),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
                preexec_fn=bound_to_parent(signal.SIGTERM),
            )

    def await_ready(self) -> str:
        """Its URL, as soon as it serves; raises `Broken` as `start` does."""
        assert self.process is not None and self.process.stdout is not None  # noqa: PT018 - for the type checker
        word, _, self.url = self.process.stdout.readline().strip().partition(" ")
        if word != "ready":
            raise Broken(f"the server did not start: {self.last_words()}")
        return self.url

    def stop(self) -> int:
        """End it in order; its exit code."""
        process, self.process = self.process, None
        if process is None:
            return 0
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(STOP_WITHIN)
        process.kill()
        return process.wait(10.0)

    def last_words(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return " / ".join(lines[-3:]) or "it said nothing"

    def memwrit(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `memwrit …` on this data directory."""
        return memwrit(*arguments, "--data", str(self.data))


def memwrit(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the `memwrit` command as a person would."""
    return subprocess.run(command(*arguments), env=surroundings(), capture_output=True, text=True, check=False)
