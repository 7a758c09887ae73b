"""`memwrit recover --tenant ID`: let a log in quarantine go on, under a new origin, once its cause is mended."""

from __future__ import annotations

import argparse

from audit.origin import DIRECTORY
from audit.services.recover import behind, recover
from memwrit.commands.telling import known_tenant, tell


def run(arguments: argparse.Namespace) -> int:
    """0 once it may go on. What its database has must be a log that was signed: nothing is begun over another."""
    done = recover(known_tenant(arguments.tenant))
    if behind(DIRECTORY):
        recover(DIRECTORY)
    told = {"generation": done.generation, "entries": done.size, "abandoned": done.abandoned}
    tell(arguments, {"tenant": str(done.tenant)} | {name: str(value) for name, value in told.items()})
    return 0
