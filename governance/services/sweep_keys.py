"""Remove keys that were made for a version, or for a pseudonym's value, whose transaction never committed."""

from collections.abc import Collection
from uuid import UUID

from foundation.kernel.scope import tenant_transaction
from foundation.keyring import rotation
from governance.models import Version
from guard.lessons.reading import lesson_keys
from guard.pii import vault


def sweep_keys() -> int:
    """Delete orphaned keys of the tenant in scope; returns how many. Needs the eraser's credentials."""
    return rotation.sweep(_known) + rotation.sweep(_values, purposes=("pseudonym",))


def _values(ids: Collection[UUID]) -> Collection[UUID]:
    """A value that another admission sealed first has its own key, and leaves the other's without a row."""
    with tenant_transaction():
        return vault.known_keys(ids)


def _known(ids: Collection[UUID]) -> Collection[UUID]:
    with tenant_transaction():
        memories = set(Version.objects.filter(id__in=list(ids)).values_list("id", flat=True))
        return memories | lesson_keys(ids)
