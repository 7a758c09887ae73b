"""Dependencies point down, and raw SQL stands only where it is reviewed."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("platform/memwrit", "platform/foundation", "audit", "tenants", "guard", "governance")
# Where SQL may stand, each reviewed.
SQL_ALLOWED = {
    "platform/foundation/": "the ground",
    "audit/sequencer/": "works across tenants, by a role of its own",
    "audit/services/recover.py": "opens the sequencer's cursor",
    "platform/memwrit/dumps.py": "drops the owner's tables before a restore",
    "platform/memwrit/embedded/": "the superuser's bootstrap, before there is any table",
    # The hot path: constants that name their tenant, run by foundation.kernel.rows (docs/decisions/statements-made-once.md).
    "audit/manifests.py": "a manifest's nodes by level and index",
    "audit/services/record.py": "whether the ledger stands still",
    "governance/handing_out.py": "a retrieval with its hits",
    "governance/opening.py": "versions with their parents",
    "governance/premises.py": "the spaces of a search with their policies in force",
    "governance/strength.py": "the latest reads of candidates",
    "guard/lessons/reading.py": "the lessons at writing",
    "guard/pii/vault.py": "the values that versions use",
    "guard/selectors.py": "the versions in force",
    "guard/trust.py": "the histories of voices",
    "tenants/attempts.py": "one attempt, taken by one statement",
    "tenants/selectors.py": "a presented key",
    "tenants/services/count_usage.py": "an addition to a use",
    "platform/memwrit/demo/tampering.py": "plays the attacker, on a copy",
}
# Attributes and names by which SQL reaches the database past the query builder.
SQL_DOORS = {"cursor", "execute", "executemany", "copy", "raw", "extra", "RawSQL", "RunSQL"}


def sources():
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path


def sql_doors(source: str) -> set[str]:
    """Calls in `source` that take SQL."""
    called = (node.func for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    names = {
        (f.attr, isinstance(f.value, ast.Name) and f.value.id) if isinstance(f, ast.Attribute) else (f.id, None)
        for f in called
        if isinstance(f, ast.Attribute | ast.Name)
    }
    # `copy.copy`, `shutil.copy` and the like take no SQL.
    return {name for name, owner in names if name in SQL_DOORS and owner not in ("copy", "shutil", "subprocess")}


def test_the_layers_hold():
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]


def test_raw_sql_stands_only_where_it_is_reviewed():
    found = {}
    for path in sources():
        relative = path.relative_to(ROOT).as_posix()
        if not relative.startswith(tuple(SQL_ALLOWED)) and (doors := sql_doors(path.read_text())):
            found[relative] = doors
    assert found == {}


@pytest.mark.parametrize(
    "line",
    [
        "connection.cursor()",
        "c.execute('SELECT 1')",
        "Model.objects.raw('x')",
        "qs.extra(where=['x'])",
        "RawSQL('x', [])",
    ],
)
def test_the_search_for_raw_sql_finds_it(line):
    assert sql_doors(line)
