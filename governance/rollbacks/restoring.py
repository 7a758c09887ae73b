"""An earlier version's payload as a record's next version: sealed anew in its new place, judged by nobody again.

Made in two steps: keys and seals outside any transaction, rows inside the one that changes the record.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from django.db.models import Max

from audit.acts import Act
from foundation.kernel.clock import now
from foundation.kernel.ids import uuid7
from foundation.keyring import keys
from governance import opening
from governance.drafting import version_key
from governance.models import Admission, LineageEdge, Version
from governance.opening import Row
from governance.sealed import Payload, open_embedding, seal_version
from guard.pii import vault


@dataclass(frozen=True, slots=True)
class Copy:
    """A sealed version that is not written yet, of the `target` whose payload it takes up."""

    target: Row
    version: Version
    payload: Payload


def newest(ids: Collection[UUID]) -> dict[UUID, int]:
    """The highest number of each record's versions, held ones too (inside a transaction)."""
    rows = Version.objects.filter(memcube_id__in=list(ids)).order_by().values_list("memcube_id")
    return dict(rows.annotate(Max("number")))


def copies(principal_id: UUID, targets: Sequence[Row], numbers: dict[UUID, int], reason: str) -> list[Copy]:
    """The targets (read with their embeddings), each as the version after its record's `numbers`, written by that
    principal. Outside any transaction. Left out is what can no longer be opened: its key is gone."""
    secrets = keys.open_many([target.version.id for target in targets])
    open_still = [target for target in targets if target.version.id in secrets]
    drafts = [(target, _draft(principal_id, target.version, numbers[target.cube.id] + 1)) for target in open_still]
    fresh = keys.create_many([version_key(target.cube, draft) for target, draft in drafts])
    return [_sealed(target, draft, secrets[target.version.id], fresh[draft.id], reason) for target, draft in drafts]


def write(copy: Copy) -> Admission:
    """Insert the version with what goes beside it (in the transaction that gives the locked record its new header)."""
    version, cube_id = copy.version, copy.target.cube.id
    version.save(force_insert=True)
    vault.carry(copy.target.version.id, version.id)
    admission = Admission(
        memcube_id=cube_id,
        version=version.number,
        version_id=version.id,
        space_id=copy.target.cube.space_id,
        state=Admission.State.ADMITTED,
        source_key=version.source_key,
    )
    admission.save(force_insert=True)
    LineageEdge.objects.bulk_create(
        LineageEdge(child_id=cube_id, child_version=version.number, parent_id=parent, parent_version=number)
        for parent, number in copy.target.parents
    )
    return admission


def _draft(principal_id: UUID, of: Version, number: int) -> Version:
    """An unsealed version that stands where `of` stood in the world's time, recorded now."""
    return Version(
        id=uuid7(),
        memcube_id=of.memcube_id,
        number=number,
        generation=of.generation,
        valid_from=of.valid_from,
        valid_to=of.valid_to,
        recorded_at=now(),
        principal_id=principal_id,
        act=Act.MEMORY_ROLLBACK,
        reverts_to=of.number,
        source_key=of.source_key,
        actor_key=of.actor_key,
        session_key=of.session_key,
        position=of.position,
    )


def _sealed(target: Row, draft: Version, old: bytes, new: bytes, reason: str) -> Copy:
    payload = replace(opening.payload_of(target, old), reason=reason)
    embedding = open_embedding(target.cube, target.version, old, target.parents)
    seal_version(target.cube, draft, new, payload, embedding, target.parents)
    return Copy(target, draft, payload)
