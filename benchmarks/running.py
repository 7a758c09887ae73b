"""Finding and running a benchmark or a drill by its name."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules

ROOT = Path(__file__).resolve().parents[1]


def main(package: str, arguments: Sequence[str]) -> int:
    """Run `package.NAME.run(rest)`; the exit code is what it returns, 0 for None."""
    for folder in (ROOT, ROOT / "platform"):
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
    import_module("memwrit")  # says how many threads the linear algebra takes, before that is loaded
    if not arguments or not find_spec(f"{package}.{arguments[0]}"):
        print(f"usage: {package} NAME, one of: {', '.join(names(package))}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, _ended)
    return int(import_module(f"{package}.{arguments[0]}").run(list(arguments[1:])) or 0)


def _ended(*_: object) -> None:
    """Leave by way of every `finally`: what a run started (servers, nodes) must end with it."""
    sys.exit(143)


def names(package: str) -> list[str]:
    """Modules of `package` that can be run, told without importing them."""
    found = set()
    for folder in import_module(package).__path__:
        for module in iter_modules([folder]):
            source = Path(folder) / f"{module.name}.py"
            if source.exists() and "\ndef run(" in source.read_text(encoding="utf-8"):
                found.add(module.name)
    return sorted(found)
