"""`platform/` is a source root. As a package it would shadow the standard library's module of that name."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_import_platform_is_the_standard_librarys():
    command = [sys.executable, "-c", "import platform; print(platform.__file__); platform.system()"]
    told = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert Path(told.strip()).parent == Path(sys.modules["os"].__file__).parent


def test_only_packages_stand_in_platform():
    standing = {path.name for path in (ROOT / "platform").iterdir() if path.name != "__pycache__"}
    assert standing == {"memwrit", "foundation"}
