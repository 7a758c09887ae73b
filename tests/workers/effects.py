"""What relays and workers under test run with: the `memwrit` command, and a kind of work whose every run is written
down. `python -m tests.workers.effects [--claim S] [--lease S] [--attempts N] -- COMMAND…`

The books are a database of their own (EFFECTS_URL), so that a run is known even if its process dies before the end.
"""

from __future__ import annotations

import os
import sys
import time
from datetime import timedelta
from typing import Any

KIND = "workers.note"
POISON = "workers.poison"
AWAY = "workers.away"
TABLES = """
CREATE TABLE run (id bigserial PRIMARY KEY, n int, pid int, began timestamptz DEFAULT clock_timestamp(),
                  ended timestamptz);
CREATE TABLE effect (n int PRIMARY KEY, tenant uuid, times int, at timestamptz DEFAULT clock_timestamp());
CREATE TABLE away (since timestamptz);
"""


def books() -> Any:
    """A connection to the books."""
    import psycopg

    return psycopg.connect(os.environ["EFFECTS_URL"], autocommit=True)


def note(refs: Any) -> None:
    """Write each run down; take effect once for each id."""
    from foundation.kernel.scope import current_tenant

    with books() as book:
        for ref in refs:
            run = book.execute(
                "INSERT INTO run (n, pid) VALUES (%s, %s) RETURNING id", [ref["n"], os.getpid()]
            ).fetchone()[0]
            time.sleep(ref.get("takes", 0.0))
            book.execute(
                "INSERT INTO effect (n, tenant, times) VALUES (%s, %s, 1) ON CONFLICT DO NOTHING",
                [ref["n"], current_tenant()],
            )
            book.execute("UPDATE run SET ended = clock_timestamp() WHERE id = %s", [run])


def poison(refs: Any) -> None:
    """Some of them kill whoever runs them."""
    for ref in refs:
        if ref.get("kills"):
            os.kill(os.getpid(), 9)
    note(refs)


def away(refs: Any) -> None:
    """Needs a part that is away while the books say so."""
    from foundation.kernel.problems import Unavailable

    with books() as book:
        if book.execute("SELECT count(*) FROM away").fetchone()[0]:
            raise Unavailable
    note(refs)


def main(given: list[str]) -> int:
    """Shorter leases if asked for, then the command."""
    from foundation.kernel import leasing

    options, command = given[: given.index("--")], given[given.index("--") + 1 :]
    named = dict(zip(options[::2], options[1::2], strict=True))
    if "--lease" in named:
        leasing.LEASE = timedelta(seconds=float(named["--lease"]))
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "memwrit.settings")
    django.setup()
    from foundation.kernel import outbox

    if "--claim" in named:
        outbox.CLAIM = timedelta(seconds=float(named["--claim"]))
    outbox.MOST_ATTEMPTS = int(named.get("--attempts", outbox.MOST_ATTEMPTS))
    for kind, handler in ((KIND, note), (POISON, poison), (AWAY, away)):
        outbox.handles(kind)(handler)
    from memwrit.cli import main as command_line

    return command_line(command)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
