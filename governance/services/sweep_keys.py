"""Remove keys that were made for a version whose transaction never committed."""

from collections.abc import Collection
from uuid import UUID

from foundation.kernel.scope import tenant_transaction
from foundation.keyring import rotation
from governance.models import Version
from guard.lessons.reading import lesson_keys


def sweep_keys() -> int:
    """Delete orphaned keys of the tenant in scope; returns how many. Needs the eraser's credentials."""
    return rotation.sweep(_known)


def _known(ids: Collection[UUID]) -> Collection[UUID]:
    with tenant_transaction():
        memories = set(Version.objects.filter(id__in=list(ids)).values_list("id", flat=True))
        return memories | lesson_keys(ids)
