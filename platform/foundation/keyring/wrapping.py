"""Between rows and the KMS: wraps secrets under their shard's current epoch and unwraps them.

Every wrap is bound to the key's id, purpose and subjects: whoever moves a row or edits its subjects, so that forgetting
would miss it, makes it useless instead. No transaction is open while the KMS works.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from foundation.kernel.problems import Unavailable
from foundation.kernel.scope import current_tenant
from foundation.keyring import rows
from foundation.keyring.kms import EpochGone, kms
from foundation.keyring.rows import Row

# Current epochs, only a hint: `rows.insert` refuses a key wrapped under an epoch that has been left.
_hints: dict[tuple[UUID, int], int] = {}
_MOST_HINTS = 100_000


def context(row: Row) -> bytes:
    """What a wrap is bound to, beside tenant, shard and epoch, which the KMS binds itself."""
    return b"".join([row.id.bytes, row.purpose.encode(), b"\0", *sorted(subject.bytes for subject in row.subjects)])


def wrap(new: Sequence[Row], secrets: Mapping[UUID, bytes]) -> list[Row]:
    """`new`, with their secrets wrapped under the current epochs of their shards; raises `EpochGone`, `KmsDown`."""
    tenant, current = current_tenant(), _current({row.shard for row in new})
    ready: list[Row] = []
    for group in _by_epoch([replace(row, epoch=current[row.shard]) for row in new]):
        shard, epoch = group[0].shard, group[0].epoch
        wrapped = kms().wrap(tenant, shard, epoch, [secrets[row.id] for row in group], _contexts(group))
        ready += [replace(row, wrapped=w) for row, w in zip(group, wrapped, strict=True)]
    return ready


def unwrap(found: Sequence[Row]) -> tuple[dict[UUID, bytes], list[Row]]:
    """The secrets, and those rows whose epoch key is destroyed. Raises `Integrity` for a row that was altered."""
    secrets: dict[UUID, bytes] = {}
    gone: list[Row] = []
    for group in _by_epoch(found):
        try:
            secrets |= zip((row.id for row in group), _unwrapped(group, _contexts(group)), strict=True)
        except EpochGone:
            gone += group
    return secrets, gone


def carry(behind: Sequence[Row], epoch: int) -> tuple[list[Row], list[bytes], list[Row]]:
    """Open rows of one shard and wrap them anew under `epoch`: the rows that opened, their new wraps, and the rows
    whose epoch key is destroyed. Raises `EpochGone` if the key of `epoch` is."""
    carried: list[Row] = []
    wrapped: list[bytes] = []
    gone: list[Row] = []
    for group in _by_epoch(behind):
        contexts = _contexts(group)
        try:
            secrets = _unwrapped(group, contexts)
        except EpochGone:
            gone += group
            continue
        wrapped += kms().wrap(current_tenant(), group[0].shard, epoch, secrets, contexts)
        carried += group
    return carried, wrapped, gone


def forget_epochs() -> None:
    """Drop the hints of the tenant in scope: they proved old."""
    tenant = current_tenant()
    for hint in [hint for hint in list(_hints) if hint[0] == tenant]:
        _hints.pop(hint, None)


def _current(shards: set[int]) -> dict[int, int]:
    tenant = current_tenant()
    known = {shard: _hints[tenant, shard] for shard in shards if (tenant, shard) in _hints}
    if missing := shards - known.keys():
        known |= rows.epochs(missing)
        known |= {shard: _established(shard) for shard in missing - known.keys()}
        if len(_hints) > _MOST_HINTS:
            _hints.clear()
        _hints.update({(tenant, shard): epoch for shard, epoch in known.items()})
    return known


def _established(shard: int) -> int:
    """The epoch of a shard that had no row: its key is made in the KMS, then its row, whoever comes first."""
    tenant = current_tenant()
    try:
        kms().create_epoch(tenant, shard, 1)
        rows.add_shard(shard, 1)
    except EpochGone:
        # Another process has begun and turned it; or the keyring is an old copy, older than the shard.
        if live := kms().epochs(tenant, shard):
            rows.add_shard(shard, max(live))
    if shard not in (stored := rows.epochs([shard])):
        raise Unavailable("the shard's keys are destroyed and its row is missing")
    return stored[shard]


def _unwrapped(group: Sequence[Row], contexts: Sequence[bytes]) -> list[bytes]:
    wrapped = [row.wrapped for row in group]
    return kms().unwrap(current_tenant(), group[0].shard, group[0].epoch, wrapped, contexts)


def _contexts(group: Sequence[Row]) -> list[bytes]:
    return [context(row) for row in group]


def _by_epoch(found: Sequence[Row]) -> list[list[Row]]:
    groups: dict[tuple[int, int], list[Row]] = defaultdict(list)
    for row in found:
        groups[row.shard, row.epoch].append(row)
    return list(groups.values())
