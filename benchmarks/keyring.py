"""The keyring: keys made, opened and re-wrapped a second, on a cluster and a KMS folder of the benchmark's own.

`python -m benchmarks keyring [ROWS]` prints one JSON line a figure; ROWS (default 50,000) is the size of the shard.
"""

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from uuid import UUID

ROOT = Path(__file__).resolve().parents[1]


def run(args: list[str]) -> None:
    """Measure everything and print it."""
    rows = int(args[0]) if args else 50_000
    with tempfile.TemporaryDirectory(prefix="memwrit-bench-") as folder, _cluster(Path(folder)):
        from foundation.kernel.ids import uuid7
        from foundation.kernel.scope import tenant_scope

        with tenant_scope(uuid7()):
            _crypto(rows)
            _single()
            _rewraps(rows)
        from django.db import connections

        connections.close_all()


@contextmanager
def _cluster(folder: Path) -> Iterator[None]:
    sys.path[:0] = [str(ROOT / "platform"), str(ROOT)]
    from memwrit.embedded.postgres import Cluster

    cluster = Cluster(folder / "pg")
    os.environ.update(cluster.start())
    os.environ.update({"DJANGO_SETTINGS_MODULE": "memwrit.settings", "KMS": f"file:{folder / 'kms'}"})
    try:
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", database="keyring_owner", verbosity=0, interactive=False)
        yield
    finally:
        cluster.stop()


def _crypto(rows: int) -> None:
    """Unwrap and wrap alone, as one rotation does, without rows."""
    from foundation.kernel.ids import uuid7
    from foundation.keyring.kms import kms
    from foundation.keyring.sealing import new_key

    tenant, contexts, secrets = uuid7(), [uuid7().bytes for _ in range(rows)], [new_key() for _ in range(rows)]
    kms().create_epoch(tenant, 0, 1)
    kms().create_epoch(tenant, 0, 2)
    wrapped = kms().wrap(tenant, 0, 1, secrets, contexts)
    seconds = _seconds(lambda: kms().wrap(tenant, 0, 2, kms().unwrap(tenant, 0, 1, wrapped, contexts), contexts))
    _print("rewraps_per_second_crypto", rows / seconds, rows=rows)


def _single() -> None:
    """One key made and committed; ten read anew; an epoch created and destroyed."""
    from foundation.keyring import keys
    from foundation.keyring.kms import kms

    keys.create("version")
    made: list[UUID] = []
    create = [_seconds(lambda: made.append(keys.create("version").id)) for _ in range(300)]
    _print("create_ms_p50", statistics.median(create) * 1000, per_second=round(1 / statistics.mean(create)))

    def open_ten() -> None:
        keys.opened.clear()
        keys.open_many(made[:10])

    reads = [_seconds(open_ten) for _ in range(300)]
    _print("open_10_ms_p50", statistics.median(reads) * 1000, per_second=round(10 / statistics.mean(reads)))
    from foundation.kernel.ids import uuid7

    tenant = uuid7()

    def live_and_die(epoch: int) -> None:
        kms().create_epoch(tenant, 0, epoch)
        kms().destroy_epoch(tenant, 0, epoch)

    epochs = [_seconds(partial(live_and_die, epoch)) for epoch in range(1, 50)]
    _print("epoch_made_and_destroyed_ms_p50", statistics.median(epochs) * 1000)


def _rewraps(rows: int) -> None:
    """A whole rotation of one shard with `rows` keys, one of them forgotten."""
    from foundation.kernel.ids import uuid7
    from foundation.keyring import keys

    subject = uuid7()
    new = [keys.NewKey("version", shard_of=subject) for _ in range(rows)]
    seconds = _seconds(lambda: [keys.create_many(new[at : at + 1_000]) for at in range(0, rows, 1_000)])
    _print("create_per_second_in_thousands", rows / seconds)
    for round_ in range(1, 4):
        bare, cpu = _bare_updates(subject), time.process_time()
        per_second = rows / _seconds(partial(_destroy, [new[round_].id]))
        cpu = (time.process_time() - cpu) / rows * 1e6
        more = {
            "rows": rows,
            "round": round_,
            "of_bare_updates": round(per_second / bare, 2),
            "client_cpu_us": round(cpu, 1),
        }
        _print("rewraps_per_second_with_rows", per_second, **more)
    keys.opened.clear()
    ids = [key.id for key in new[10:]]
    seconds = _seconds(lambda: [keys.open_many(ids[at : at + 1_000]) for at in range(0, len(ids), 1_000)])
    _print("open_per_second_in_thousands", len(ids) / seconds)


def _bare_updates(subject: UUID) -> float:
    """The peer: rows a second that PostgreSQL updates by `UPDATE … FROM unnest`, with nothing else to do."""
    from foundation.keyring import keys, turning

    shard = keys.shard_of(subject)
    epoch = turning.current_epoch(shard)
    found = turning.left_behind(shard, epoch + 1, None, 1_000_000)
    batches = [found[at : at + 4_000] for at in range(0, len(found), 4_000)]
    wraps = [[row.wrapped for row in batch] for batch in batches]
    seconds = _seconds(lambda: [turning.move(batch, epoch, w) for batch, w in zip(batches, wraps, strict=True)])
    return len(found) / seconds


def _destroy(doomed: list[UUID]) -> None:
    from foundation.keyring import keys

    assurance = keys.destroy(doomed).assurance
    if assurance != "A2":
        raise RuntimeError(f"a rotation ended at {assurance}")


def _seconds(act: Callable[[], object]) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def _print(name: str, value: float, **more: object) -> None:
    print(json.dumps({"name": f"keyring.{name}", "value": round(value, 3), **more}), flush=True)


if __name__ == "__main__":
    run(sys.argv[1:])
