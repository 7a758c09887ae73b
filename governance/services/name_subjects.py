"""Turn the caller's names for people into subjects: found by keyed hash, sealed under a key of each one's own."""

from collections.abc import Iterable
from uuid import UUID

from django.db import IntegrityError

from foundation.kernel.ids import uuid7
from foundation.kernel.problems import Erased
from foundation.kernel.scope import savepoint, tenant_transaction
from foundation.keyring import keys
from governance.models import Subject
from governance.sealed import lookup, seal_text


def name_subjects(names: Iterable[str]) -> dict[str, UUID]:
    """Each name's subject id; new ones are made. Outside a transaction: a new subject's key is durable first."""
    hashes = {name: lookup("subject", name, 32) for name in names}
    known = find_subjects(hashes.values())
    for name, key in hashes.items():
        if key not in known:
            known[key] = _make(name, key)
    return {name: known[key] for name, key in hashes.items()}


def find_subjects(hashes: Iterable[bytes]) -> dict[bytes, UUID]:
    """Ids of the subjects with these keyed hashes."""
    hashes = list(hashes)
    if not hashes:
        return {}
    with tenant_transaction():
        rows = Subject.objects.filter(lookup__in=hashes, erased_at=None).values_list("lookup", "id")
        return {bytes(key): subject_id for key, subject_id in rows}


def check_subjects(ids: Iterable[UUID]) -> None:
    """Raises `Erased` if a subject was forgotten since it was named. Called after the links to them were inserted:
    the foreign key's lock then keeps an erasure waiting until the open transaction ends."""
    wanted = set(ids)
    if not wanted:
        return
    if Subject.objects.filter(id__in=wanted, erased_at=None).count() != len(wanted):
        raise Erased("A subject was forgotten meanwhile.")


def _make(name: str, key: bytes) -> UUID:
    secret = keys.create("subject", id=uuid7())
    subject = Subject(id=secret.id, lookup=key, sealed_name=seal_text(secret.secret, f"subject:{secret.id}", name))
    try:
        with tenant_transaction(), savepoint():
            subject.save(force_insert=True)
    except IntegrityError:  # another writer named them first
        return find_subjects([key])[key]
    return subject.id
