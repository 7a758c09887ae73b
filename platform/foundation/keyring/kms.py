"""The port to whatever keeps epoch keys: they exist there and, in no form, anywhere else.

An epoch key wraps the data keys of one shard of one tenant. Destroying it makes every wrapped copy useless, wherever
copies lie: in backups, in write-ahead logs, in stolen disks. A provider never hands an epoch key out.
"""

from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache
from typing import Protocol
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.utils.module_loading import import_string

from foundation.kernel.problems import Unavailable

PROVIDERS = {"file": "foundation.keyring.file_kms.FileKms"}


class Assurance(StrEnum):
    """How surely something is gone; ordered, A0 the least (security.md §5)."""

    A0 = "A0"  # logical: marked, unindexed
    A1 = "A1"  # the wrapped key is deleted from the live keyring
    A2 = "A2"  # the key that wrapped it is destroyed in the KMS, read back as gone
    A3 = "A3"  # attested by an external KMS


class KmsDown(Unavailable):
    """The KMS did not answer, or answered that it cannot: nothing was decided, try again."""


class EpochUnknown(KmsDown):
    """The KMS has never issued this epoch: it is older than the keyring, or another one. Never taken for erasure."""


class EpochGone(Exception):
    """The KMS issued this epoch key and has destroyed it: what it wrapped can never be opened again."""


class Kms(Protocol):
    """A keeper of epoch keys, shared by every process of an installation.

    `epoch` counts from 1 within (tenant, shard). `contexts` has one entry per secret, is bound to it, and must be the
    same bytes at unwrapping; the tenant, shard and epoch are bound as well. Results come in the order asked.
    All methods may raise `KmsDown`; they have time-outs of their own, so that callers need none.
    """

    assurance: Assurance  # the most that this provider's `destroy_epoch` justifies

    def create_epoch(self, tenant: UUID, shard: int, epoch: int) -> None:
        """Make the epoch's key, durably; does nothing if it is live. Raises `EpochGone` if `epoch` is not above every
        one ever made for the shard: a number is never given to a second key."""

    def wrap(
        self, tenant: UUID, shard: int, epoch: int, secrets: Sequence[bytes], contexts: Sequence[bytes]
    ) -> list[bytes]:
        """Each secret sealed under the epoch's key; raises `EpochGone` or `EpochUnknown`."""

    def unwrap(
        self, tenant: UUID, shard: int, epoch: int, wrapped: Sequence[bytes], contexts: Sequence[bytes]
    ) -> list[bytes]:
        """The secrets; raises `EpochGone`, `EpochUnknown`, or `Integrity` if one of them was not wrapped so."""

    def destroy_epoch(self, tenant: UUID, shard: int, epoch: int) -> None:
        """Destroy the epoch's key, durably; does nothing if it is gone. After it returns no process can use it."""

    def epochs(self, tenant: UUID, shard: int) -> frozenset[int]:
        """The live epochs, read from the keeper itself and not from a cache."""


def kms() -> Kms:
    """The provider that `settings.KMS` names as `scheme:place`; raises `ImproperlyConfigured`."""
    return _provider(settings.KMS)


@lru_cache(maxsize=8)
def _provider(setting: str) -> Kms:
    scheme, _, place = setting.partition(":")
    providers = {**PROVIDERS, **getattr(settings, "KMS_PROVIDERS", {})}
    if scheme not in providers or not place:
        raise ImproperlyConfigured(f"KMS is SCHEME:PLACE with a scheme out of {', '.join(sorted(providers))}")
    provider: Kms = import_string(providers[scheme])(place)
    return provider


def _forget_provider(**_: object) -> None:
    _provider.cache_clear()


setting_changed.connect(_forget_provider)
