"""Which database a model lives in: the keyring's in the keyring's own, everything else in the main one."""

from __future__ import annotations

from typing import Any

from django.db.models import Model

KEYRING_APP = "keyring"
OWNERS = {"owner": False, "keyring_owner": True}


class KeyringRouter:
    """Sends the app `keyring` to its own database; tables are made by the owners' aliases alone."""

    def db_for_read(self, model: type[Model], **hints: Any) -> str | None:
        return "keyring" if model._meta.app_label == KEYRING_APP else None

    db_for_write = db_for_read

    def allow_relation(self, one: Model, other: Model, **hints: Any) -> bool | None:
        return (one._meta.app_label == KEYRING_APP) == (other._meta.app_label == KEYRING_APP)

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return db in OWNERS and OWNERS[db] == (app_label == KEYRING_APP)
