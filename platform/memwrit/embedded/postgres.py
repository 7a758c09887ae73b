"""The bundled PostgreSQL: made, started, found again after a crash, and stopped.

Its programs are run directly: the wheel's own `get_server` trusts every local user and widens the folders above it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from memwrit.embedded import binaries, roles
from memwrit.embedded.children import bound_to_parent
from memwrit.embedded.folders import DataDirectory, DataDirectoryError

START_WITHIN = 60.0
STOP_WITHIN = 30.0
# Nothing a statement carries may reach a log: neither the statement, its parameters, nor an error's detail.
SILENT = {
    "log_destination": "stderr",
    "logging_collector": "off",
    "log_min_messages": "panic",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_min_duration_sample": "-1",
    "log_transaction_sample_rate": "0",
    "log_autovacuum_min_duration": "-1",
    "log_lock_waits": "off",
    "log_temp_files": "-1",
    "log_checkpoints": "off",
    "debug_print_parse": "off",
    "debug_print_plan": "off",
}
COMMON = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "max_connections": "100",
    "max_prepared_transactions": "0",
    "restart_after_crash": "on",
    "jit": "off",
    "timezone": "UTC",
}
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "shared_buffers": "128MB"}
# Throw-away clusters of tests: a lost machine loses nothing that anyone wants.
FLEETING = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "32MB"}


class Cluster:
    """One PostgreSQL on one data directory, which it keeps locked from `start` to `stop`."""

    def __init__(self, data: Path, *, durable: bool = True) -> None:
        self.directory = DataDirectory(Path(data))
        self.durable = durable
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> dict[str, str]:
        """Bring it up, making it first if need be. Returns the settings (environment variables) that reach it.

        Raises `InUse` when another server holds the directory, `DataDirectoryError` when it cannot be used.
        """
        self.directory.prepare()
        self.directory.lock()
        try:
            self._start()
            return self.settings()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop it in order (checkpoint written), then by force if that takes too long; release the directory."""
        process, self.process = self.process, None
        if process is not None:
            _end(process)
        if self.directory.locked:
            self.directory.drop_socket_folder()
        self.directory.unlock()

    def tend(self) -> None:
        """Bring it up again if it has died."""
        if self.process is not None and self.process.poll() is not None:
            account, data = self.directory.account(), self.directory.part("pg")
            socket = self.directory.make_socket_folder(account)
            _clear_remains(data, socket)
            self._spawn(binaries.programs(account) / "postgres", data, socket)

    def settings(self) -> dict[str, str]:
        """The settings that reach this cluster and what lies beside it, whether or not this process started it."""
        part = self.directory.part
        return self.passwords().settings(self.directory.socket_folder()) | {
            "MEMWRIT_DATA": str(self.directory.path),
            "KMS": f"file:{part('keys') / 'kms'}",
            "AUDIT_PIN": f"file:{part('pin')}",
            "ERASURE_LEDGER": f"file:{part('erasures')}",
            "KEYRING_COPIES": f"file:{part('copies')}",
        }

    def superuser_url(self, database: str = roles.MAIN) -> str:
        """For the bootstrap, and for tests that must see more than any role of the product may."""
        return self.passwords().url(roles.SUPERUSER, database, self.directory.socket_folder())

    def passwords(self) -> roles.Passwords:
        return roles.Passwords.kept_in(self.directory.part("keys") / "roles.json")

    def crash(self) -> None:
        """Kill it without a checkpoint, as a lost machine would. For tests of recovery."""
        if self.process is not None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(STOP_WITHIN)
            self.process = None
        self.directory.unlock()

    def _start(self) -> None:
        account = self.directory.account()
        programs = binaries.programs(account)
        data = self.directory.part("pg")
        socket = self.directory.make_socket_folder(account)
        _clear_remains(data, socket)
        if not (data / "PG_VERSION").exists():
            self._initialise(programs / "initdb", data, socket)
        self._spawn(programs / "postgres", data, socket)
        roles.bootstrap(self.passwords(), socket)

    def _initialise(self, initdb: Path, data: Path, socket: Path) -> None:
        """Make the cluster's files; a half-made folder of an earlier try is made anew."""
        account = self.directory.account()
        if data.exists():
            shutil.rmtree(data)
        data.mkdir(mode=0o700)
        account.give(data)
        with tempfile.NamedTemporaryFile("w", dir=socket, encoding="ascii") as password:
            password.write(self.passwords().by_role[roles.SUPERUSER])
            password.flush()
            account.give(Path(password.name))
            command = [str(initdb), "-D", str(data), "-U", roles.SUPERUSER, f"--pwfile={password.name}"]
            command += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-instructions"]
            command += [] if self.durable else ["--no-sync"]
            surroundings: dict[str, Any] = {"cwd": data, "env": _ENVIRONMENT} | account.popen()
            done = subprocess.run(command, check=False, capture_output=True, text=True, **surroundings)
        if done.returncode:
            shutil.rmtree(data)
            raise DataDirectoryError(f"initdb failed: {done.stderr.strip()}")

    def _spawn(self, postgres: Path, data: Path, socket: Path) -> None:
        """Start it. One that will not start has said nothing, by its settings: it is asked once more, aloud."""
        try:
            self._launch(postgres, data, socket, {})
        except DataDirectoryError:
            self._launch(postgres, data, socket, {"log_min_messages": "fatal"})
            # It does start: nobody but us was connected yet. Now once more as it is meant to be.
            assert self.process is not None
            _end(self.process)
            self._launch(postgres, data, socket, {})

    def _launch(self, postgres: Path, data: Path, socket: Path, aloud: dict[str, str]) -> None:
        settings = COMMON | SILENT | (DURABLE if self.durable else FLEETING) | aloud
        settings["unix_socket_directories"] = str(socket)
        command = [str(postgres), "-D", str(data)]
        command += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        log = self.directory.part("logs") / "postgresql.log"
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            self.process = subprocess.Popen(
                command,
                cwd=data,
                env=_ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=descriptor,
                stderr=descriptor,
                start_new_session=True,
                preexec_fn=bound_to_parent(signal.SIGINT),
                **self.directory.account().popen(),
            )
        finally:
            os.close(descriptor)
        self._await_ready(data / "postmaster.pid", log)

    def _await_ready(self, status: Path, log: Path) -> None:
        assert self.process is not None
        limit = time.monotonic() + START_WITHIN
        while time.monotonic() < limit:
            if self.process.poll() is not None:
                raise DataDirectoryError(f"PostgreSQL ended at its start; see {log}")
            if _says_ready(status, self.process.pid):
                return
            time.sleep(0.02)
        raise DataDirectoryError(f"PostgreSQL was not ready within {START_WITHIN:.0f} s; see {log}")


_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def _says_ready(status: Path, pid: int) -> bool:
    """Line 1 of the status file is the pid, line 8 the state."""
    try:
        lines = status.read_text().splitlines()
    except OSError:
        return False
    return len(lines) >= 8 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"


def _clear_remains(data: Path, socket: Path) -> None:
    """End what a killed supervisor left running on `data`, then drop status files whose process is gone.

    We hold the directory's lock, so nobody else starts a server here. PostgreSQL itself refuses to start when the pid
    in its status file was given to another process since; where no process works in `data` any more, it is stale.
    """
    if (data / "postmaster.pid").exists() and Path("/proc/self/cwd").exists():
        _end_orphans(data)
        for stale in (data / "postmaster.pid", socket / ".s.PGSQL.5432.lock", socket / ".s.PGSQL.5432"):
            stale.unlink(missing_ok=True)


def _end_orphans(data: Path) -> None:
    for sent, patience in ((signal.SIGINT, STOP_WITHIN), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
        limit = time.monotonic() + patience
        told: set[int] = set()
        while (found := _working_in(data)) and time.monotonic() < limit:
            for pid in found - told:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, sent)
            told |= found
            time.sleep(0.05)
        if not found:
            return
    raise DataDirectoryError(f"a PostgreSQL on {data} does not end")


def _working_in(data: Path) -> set[int]:
    """PostgreSQL processes whose working directory is `data`: the postmaster and its backends all have it."""
    found: set[int] = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if Path(os.readlink(entry / "cwd")) == data and (entry / "comm").read_text().strip() == "postgres":
                    found.add(int(entry.name))
    return found


def _end(process: subprocess.Popen[bytes]) -> None:
    for sent, patience in ((signal.SIGINT, STOP_WITHIN), (signal.SIGQUIT, 5.0)):
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(sent)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
            return
    process.kill()
    process.wait(5.0)
