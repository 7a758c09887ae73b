"""The pin: the newest checkpoint of every log, kept outside the database, so that a database rolled back or forked as a
whole is noticed.

The sequencer moves a pin by compare-and-set after its transaction has committed, and nothing newer than the pin is
published. Every process remembers the highest pin it has seen of each log and looks again when that is 5 s old. A log
is pinned at size 0 before its first commit, so a log without a pin has lost it.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed

from audit.notes import NoteError
from audit.origin import own_checkpoint
from foundation.kernel.problems import Integrity, Unavailable

FRESH = 5.0


class PinConflict(Exception):
    """The pin is not where the sequencer left it: somebody else moved it, or it was put back."""


@dataclass(frozen=True, slots=True)
class Pin:
    """A pinned head and its signed note."""

    size: int
    root: bytes
    note: str

    @classmethod
    def of(cls, tenant: UUID, note: str) -> Pin:
        """Raises `Integrity` for a note this installation did not sign for this log."""
        try:
            checkpoint = own_checkpoint(note, tenant)
        except NoteError:
            raise Integrity("a pin is not a checkpoint of its log") from None
        return cls(checkpoint.size, checkpoint.root, note)

    def same_head(self, other: Pin) -> bool:
        return (self.size, self.root) == (other.size, other.root)


@dataclass(frozen=True, slots=True)
class Move:
    """Of one log: where the pin must stand (None: nowhere yet) and where it shall."""

    tenant: UUID
    expected: Pin | None
    new: Pin


class FilePins:
    """Pins as files of a directory, each replaced atomically and synced, under one lock."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, tenant: UUID) -> Pin | None:
        """None where the log has never been pinned; raises `Integrity`, or `Unavailable` where it cannot be read."""
        try:
            return Pin.of(tenant, self._path(tenant).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise Unavailable("The pin cannot be read.", retry_after=5) from error

    def advance(self, moves: Sequence[Move]) -> list[UUID]:
        """Move pins in order, each compare-and-set; returns the logs whose pin stood elsewhere, which are not moved."""
        conflicts = []
        with self._locked():
            for move in moves:
                current = self.read(move.tenant)
                if current is not None and current.same_head(move.new):
                    continue
                if not _stands(current, move.expected) or move.new.size < (current.size if current else 0):
                    conflicts.append(move.tenant)
                    continue
                self._replace(move.tenant, move.new.note)
            self._sync()
        return conflicts

    def begin_anew(self, tenant: UUID, new: Pin, aside: int) -> None:
        """Put the pin of a log that begins anew in place of the old one, which stays as `<tenant>.<aside>`."""
        with self._locked():
            old, kept = self._path(tenant), self.folder / f"{tenant}.{aside}"
            if old.exists() and not kept.exists():
                os.link(old, kept)
            self._replace(tenant, new.note)
            self._sync()

    def _path(self, tenant: UUID) -> Path:
        return self.folder / str(tenant)

    def _replace(self, tenant: UUID, note: str) -> None:
        draft = self.folder / f".{tenant}.new"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(note)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path(tenant))

    def _sync(self) -> None:
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise Unavailable("The pin cannot be reached.", retry_after=5) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _stands(current: Pin | None, expected: Pin | None) -> bool:
    if current is None or expected is None:
        return current is expected
    return current.same_head(expected)


class Watch:
    """This process's memory of the highest pins."""

    def __init__(self, store: Callable[[], FilePins]) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._seen: dict[UUID, tuple[float, Pin | None]] = {}

    def highest(self, tenant: UUID, *, fresh: float = FRESH) -> Pin | None:
        """The log's highest pin, at most `fresh` seconds old; raises `Integrity` if the pin itself went back."""
        at, held = self._seen.get(tenant, (0.0, None))
        if at and time.monotonic() - at < fresh:
            return held
        read = self._store().read(tenant)
        with self._lock:
            _, held = self._seen.get(tenant, (0.0, None))
            if _went_back(held, read):  # or another thread read later than this one and was here first
                read = self._store().read(tenant)
            if _went_back(held, read):
                raise Integrity("the pin of a log went back")
            self._seen[tenant] = time.monotonic(), read
        return read

    def forget(self) -> None:
        """For tests and changed settings."""
        self._seen.clear()


def _went_back(held: Pin | None, read: Pin | None) -> bool:
    if held is None or read is None:
        return held is not None
    return read.size < held.size or (read.size == held.size and read.root != held.root)


def pins() -> FilePins:
    """The store that `settings.AUDIT_PIN` names."""
    scheme, _, place = settings.AUDIT_PIN.partition(":")
    if scheme != "file" or not place:
        raise ImproperlyConfigured("AUDIT_PIN is file:PATH")
    return FilePins(Path(place))


watch = Watch(pins)
setting_changed.connect(lambda **_: watch.forget(), weak=False)
