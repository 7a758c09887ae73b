"""The erasure ledger: what must be erased again after a restore. It lies outside every database; ids, and no more."""

import fcntl
import json
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from django.conf import settings

from foundation.kernel.clock import now, rfc3339
from foundation.kernel.problems import Integrity
from foundation.kernel.scope import current_tenant


@dataclass(frozen=True, slots=True)
class Entry:
    """One run of an erasure: the records it took, and the person, if it was one."""

    tenant: UUID
    request: UUID
    subject: UUID | None
    records: tuple[UUID, ...]


def append(request: UUID, subject: UUID | None, records: Collection[UUID]) -> None:
    """Note an erasure of the tenant in scope. Durable at return."""
    entry = {
        "tenant": str(current_tenant()),
        "request": str(request),
        "subject": subject and str(subject),
        "records": [str(record) for record in records],
        "at": rfc3339(now()),
    }
    path = _path()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(path, "ab+") as ledger:
        fcntl.flock(ledger, fcntl.LOCK_EX)
        _drop_torn(ledger)
        ledger.write(json.dumps(entry).encode() + b"\n")
        ledger.flush()
        os.fsync(ledger.fileno())


def entries() -> Iterator[Entry]:
    """Every entry, oldest first. A torn last line is of a run that destroyed nothing yet; any other is `Integrity`."""
    lines = _path().read_text(encoding="ascii").split("\n") if _path().exists() else []
    for line in lines[:-1]:
        yield _entry(line)


def _drop_torn(ledger: BinaryIO) -> None:
    """Take a last line off that a kill left unfinished: its run began again, and noted itself again."""
    ledger.seek(0)
    whole = ledger.read().rfind(b"\n") + 1
    ledger.truncate(whole)
    ledger.seek(0, os.SEEK_END)


def _entry(line: str) -> Entry:
    try:
        told = json.loads(line)
        subject = told["subject"] and UUID(told["subject"])
        return Entry(UUID(told["tenant"]), UUID(told["request"]), subject, tuple(map(UUID, told["records"])))
    except (ValueError, KeyError, TypeError) as error:
        raise Integrity("The erasure ledger has a line that cannot be read.") from error


def _path() -> Path:
    return Path(settings.ERASURE_LEDGER.removeprefix("file:")) / "ledger.jsonl"
