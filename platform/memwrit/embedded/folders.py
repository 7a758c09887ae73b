"""The data directory: its parts, its lock, and how an account reaches it that may not enter the folders above."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from pathlib import Path

from memwrit.embedded.account import Account, choose

STATE = Path("/var/lib")
# A socket's path ends at 107 bytes; PostgreSQL appends "/.s.PGSQL.5432".
LONGEST_SOCKET_FOLDER = 107 - len("/.s.PGSQL.5432")
MARKER = "memwrit.version"


class DataDirectoryError(RuntimeError):
    """The data directory cannot be used; the message says why and what to do."""


class InUse(DataDirectoryError):
    """Another server holds the data directory."""


class DataDirectory:
    """`DIR/{pg,keys,copies,pin,erasures,logs}`; PostgreSQL's account owns `pg` alone and reads nothing else."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._lock: int | None = None

    @property
    def real(self) -> Path:
        """Where the folder is when `path` is a link."""
        return self.path.resolve()

    def part(self, name: str) -> Path:
        """A part of the directory by its real path."""
        return self.real / name

    def account(self) -> Account:
        """Who runs PostgreSQL here."""
        return choose(self.part("pg"))

    def prepare(self) -> None:
        """Make the folder and its parts, private to their owners. A folder that is not ours is never widened."""
        self._place(self.account())
        self._claim()
        self.real.chmod(0o711)
        for name in ("keys", "copies", "pin", "erasures", "logs"):
            self.part(name).mkdir(mode=0o700, exist_ok=True)

    def lock(self) -> None:
        """Take the directory for this process; raises `InUse`."""
        descriptor = os.open(self.part("lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise InUse(f"{self.path} is in use by another memwrit server") from None
        self._lock = descriptor

    @property
    def locked(self) -> bool:
        """Whether this process holds the directory."""
        return self._lock is not None

    def unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def socket_folder(self) -> Path:
        """Where PostgreSQL's socket lies: in the directory, or in a short folder of its own if that is too long."""
        inside = self.part("run")
        if len(os.fsencode(inside)) <= LONGEST_SOCKET_FOLDER:
            return inside
        return Path("/tmp") / f"memwrit-{os.geteuid()}-{self._digest(self.real)}"  # noqa: S108 - made by us, checked

    def make_socket_folder(self, account: Account) -> Path:
        """The socket folder, owned by `account` and closed to others; one that someone else made is refused."""
        folder = self.socket_folder()
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if folder.is_symlink() or found.st_uid not in (os.geteuid(), account.uid):
            raise DataDirectoryError(f"{folder} belongs to someone else")
        account.give(folder)
        folder.chmod(0o700)
        return folder

    def drop_socket_folder(self) -> None:
        """Leave nothing in the system's temporary folder."""
        folder = self.socket_folder()
        if folder.parent != self.real:
            shutil.rmtree(folder, ignore_errors=True)

    def remove(self) -> None:
        """Delete the directory, and the folder it links to where it is a link. For directories made for a while."""
        real = self.real
        if not (real / MARKER).exists():
            raise DataDirectoryError(f"{self.path} is no memwrit data directory")
        if self.path.is_symlink():
            self.path.unlink()
        shutil.rmtree(real)

    def _place(self, account: Account) -> None:
        """Make the folder; where the account cannot reach it, as a link into the system's state folder."""
        if self.path.is_symlink() or (self.path / MARKER).exists() or not account.lent:
            self.real.mkdir(parents=True, exist_ok=True)
            return
        above = next(folder for folder in self.path.parents if folder.exists())
        if account.can_enter(above):
            self._make_passable()
            return
        self._link()

    def _make_passable(self) -> None:
        """Make the folder and those above it that are not there; what is made here may be passed through, not read."""
        missing = [folder for folder in (self.path, *self.path.parents) if not folder.exists()]
        for folder in reversed(missing):
            folder.mkdir(exist_ok=True)
            folder.chmod(0o711)

    def _link(self) -> None:
        target = STATE / f"memwrit-{self._digest(self.path)}"
        target.mkdir(mode=0o711, exist_ok=True)
        if target.stat().st_uid != os.geteuid():
            raise DataDirectoryError(f"{target} belongs to someone else")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.exists():
            self._vacate()
        self.path.symlink_to(target)

    def _vacate(self) -> None:
        try:
            self.path.rmdir()
        except OSError:
            raise DataDirectoryError(f"{self.path} is neither empty nor a memwrit data directory") from None

    def _claim(self) -> None:
        """Mark an empty folder as ours, and refuse one that holds other things."""
        marker = self.real / MARKER
        if marker.exists():
            return
        if any(self.real.iterdir()):
            raise DataDirectoryError(f"{self.path} is neither empty nor a memwrit data directory")
        if self.real.stat().st_uid != os.geteuid():
            raise DataDirectoryError(f"{self.path} belongs to someone else")
        marker.write_text("1\n", encoding="ascii")

    @staticmethod
    def _digest(path: Path) -> str:
        return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]
