"""What the search benchmarks stand on: a PostgreSQL and a KMS folder of their own, migrated, gone afterwards."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@contextmanager
def standing_on_a_cluster(*, durable: bool = True, **settings: str) -> Iterator[dict[str, str]]:
    """Django on a new cluster, with `settings` in its environment. Yields the cluster's own settings."""
    sys.path[:0] = [str(ROOT / "platform"), str(ROOT)]
    from memwrit.embedded.postgres import Cluster

    with tempfile.TemporaryDirectory(prefix="memwrit-bench-") as folder:
        cluster = Cluster(Path(folder) / "data", durable=durable)
        reached = cluster.start()
        standard = {"DJANGO_SETTINGS_MODULE": "memwrit.settings", "KMS": f"file:{folder}/kms", "MEMWRIT_DATA": folder}
        os.environ.update(reached | standard | settings)
        try:
            _migrate()
            yield reached
        finally:
            _disconnect()
            cluster.stop()


def _migrate() -> None:
    import django
    from django.core.management import call_command

    django.setup()
    for alias in ("owner", "keyring_owner"):
        call_command("migrate", database=alias, verbosity=0, interactive=False)


def _disconnect() -> None:
    from django.db import connections

    connections.close_all()
