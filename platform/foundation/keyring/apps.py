"""The keyring as a Django app; its tables live in the keyring database, never in the main one."""

from django.apps import AppConfig


class KeyringConfig(AppConfig):
    name = "foundation.keyring"
    label = "keyring"
