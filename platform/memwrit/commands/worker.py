"""`memwrit worker`: run what the relay sends through the broker."""

from __future__ import annotations

import argparse

from foundation.kernel.leasing import EVERY, Queue
from memwrit import worker
from memwrit.commands.telling import Refused


def run(arguments: argparse.Namespace) -> int:
    """Until told to end. Raises `Refused` for a class of work that is none."""
    asked = [name.strip() for name in arguments.queues.split(",") if name.strip()]
    unknown = set(asked) - {each.value for each in EVERY}
    if unknown:
        raise Refused(f"there is no queue {sorted(unknown)[0]!r}; there are {', '.join(each.value for each in EVERY)}")
    queues = [Queue(name) for name in asked] or EVERY
    return worker.run(queues, concurrency=arguments.concurrency, pulse=arguments.pulse)
