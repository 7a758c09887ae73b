"""`memwrit migrate`: both databases' tables, made by their owners."""

from __future__ import annotations

import argparse

from django.core.management import call_command

OWNERS = ("owner", "keyring_owner")


def run(arguments: argparse.Namespace) -> int:
    """Apply what is not applied yet."""
    for alias in OWNERS:
        call_command("migrate", database=alias, verbosity=0, interactive=False)
    return 0
