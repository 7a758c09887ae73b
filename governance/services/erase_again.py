"""After a restore: erase again what was erased since the back-up was made."""

from collections.abc import Sequence
from uuid import UUID

from foundation.kernel.scope import tenant_scope, tenant_transaction
from governance import forgetting
from governance.erasure_ledger import Entry
from governance.models import MemCube, State, Subject
from guard.lessons import erasing as lessons


def erase_again(entry: Entry) -> int:
    """Freeze, destroy and purge what of the entry is there again; how many records that was. Idempotent. Needs the
    eraser's credentials. Each step is in the audit log, as it was the first time."""
    with tenant_scope(entry.tenant):
        with tenant_transaction():
            living = MemCube.objects.filter(id__in=entry.records).exclude(state=State.FORGOTTEN)
            found = sorted(living.values_list("id", flat=True))
            named = Subject.objects.filter(id=entry.subject, erased_at=None).exists()
        if found or named:
            _erase(entry, found)
        return len(found)


def _erase(entry: Entry, found: Sequence[UUID]) -> None:
    forgetting.freeze(found)
    with tenant_transaction():
        key_ids = [key for ids in forgetting.keys_of(found).values() for key in ids]
    forgetting.shred(found, key_ids, entry.subject)
    with tenant_transaction():
        forgetting.unname(entry.subject)
    lessons.forget(found, entry.subject, spare=[])
