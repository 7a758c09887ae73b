"""What the release needs beside itself, on this machine: PostgreSQL, a broker, OpenSearch, all behind TLS of an
authority made for the run. Pods reach them under one address."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from deploy.on_cluster.doors import opened
from foundation.kernel.clock import now
from memwrit.embedded import postgres, roles
from tests.opensearch.node import whole
from tests.workers.brokers import BROKERS, Broker

ADDRESS = os.environ.get("CLUSTER_HOST", "10.244.0.1")
NETWORK = os.environ.get("CLUSTER_PODS", "10.244.0.0/16")
AUTHORITY = "/run/tls/ca.crt"
SCHEMES = {"valkey": "rediss://{place}/0", "rabbitmq": "amqps://guest:guest@{place}//"}


@dataclass(slots=True)
class Hosts:
    """Running servers. `secrets` are the release's credentials by their names: setting → value."""

    folder: Path
    secrets: dict[str, dict[str, str]] = field(default_factory=dict)
    authority: bytes = b""
    cluster: postgres.Cluster | None = None
    queue: Broker = field(kw_only=True)

    @property
    def superuser_url(self) -> str:
        assert self.cluster is not None
        return self.cluster.superuser_url()


@contextlib.contextmanager
def running(broker: str = "valkey") -> Iterator[Hosts]:
    """Everything up, and gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="mw-cluster-"))
    folder.chmod(0o711)
    queue = BROKERS[broker]()
    try:
        hosts = Hosts(folder, queue=queue)
        hosts.authority, certificate = _certificates(folder)
        with whole(heap="512m", quick=True) as [node], _postgres(folder) as hosts.cluster:
            queue.start()
            behind = {
                "postgres": str(hosts.cluster.directory.socket_folder() / ".s.PGSQL.5432"),
                "broker": f"127.0.0.1:{queue.port}",
                "search": f"127.0.0.1:{node.http}",
            }
            with opened(ADDRESS, certificate, behind) as ports:
                hosts.secrets = _secrets(hosts.cluster, ports, broker)
                yield hosts
    finally:
        queue.stop()
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _postgres(folder: Path) -> Iterator[postgres.Cluster]:
    """The bundled one, with room for every process's connections. It speaks no TLS; its door does."""
    made = postgres.Cluster(folder / "data")
    before = dict(postgres.COMMON)
    postgres.COMMON.update({"max_connections": "400"})
    try:
        made.start()
        yield made
    finally:
        made.stop()
        postgres.COMMON.clear()
        postgres.COMMON.update(before)


def _secrets(cluster: postgres.Cluster, ports: dict[str, int], broker: str) -> dict[str, dict[str, str]]:
    passwords = cluster.passwords()

    def url(name: str) -> str:
        role, database = roles.URLS[name]
        user = f"memwrit_{role}"
        password = quote(passwords.by_role[user], safe="")
        return f"postgresql://{user}:{password}@{ADDRESS}:{ports['postgres']}/{database}?sslmode=verify-full&sslrootcert={AUTHORITY}"

    held = {
        "app": ("DATABASE_URL", "KEYRING_DATABASE_URL"),
        "owner": ("DATABASE_OWNER_URL", "KEYRING_OWNER_URL"),
        "sequencer": ("DATABASE_SEQUENCER_URL",),
        "relay": ("DATABASE_RELAY_URL",),
        "eraser": ("DATABASE_ERASER_URL", "KEYRING_ERASER_URL"),
        "backup": ("DATABASE_BACKUP_URL", "KEYRING_BACKUP_URL"),
    }
    made = {name: {setting: url(setting) for setting in settings} for name, settings in held.items()}
    return made | {
        "django": {"SECRET_KEY": secrets.token_urlsafe(48)},
        "broker": {"BROKER_URL": SCHEMES[broker].format(place=f"{ADDRESS}:{ports['broker']}")},
        "opensearch": {"OPENSEARCH_URL": f"https://{ADDRESS}:{ports['search']}"},
    }


# --- TLS ---


def _certificates(folder: Path) -> tuple[bytes, tuple[Path, Path]]:
    """The authority's certificate, and a server's certificate and key as files."""
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = _certificate("Memwrit on a cluster", root_key, None, root_key)
    leaf = _certificate(ADDRESS, key, root, root_key)
    pem = serialization.Encoding.PEM
    files = folder / "server.crt", folder / "server.key"
    files[0].write_bytes(leaf.public_bytes(pem))
    plain = serialization.NoEncryption()
    files[1].write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    files[1].chmod(0o600)
    return root.public_bytes(pem), files


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: x509.Certificate | None, signer: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = x509.CertificateBuilder(issuer.subject if issuer else subject, subject, key.public_key())
    made = made.serial_number(x509.random_serial_number())
    made = made.not_valid_before(now() - timedelta(hours=1)).not_valid_after(now() + timedelta(days=2))
    made = made.add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    made = made.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    above = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    made = made.add_extension(above, critical=False)
    if issuer is None:
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        return made.add_extension(usage, critical=True).sign(signer, hashes.SHA256())
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(ADDRESS))])
    return made.add_extension(names, critical=False).sign(signer, hashes.SHA256())
