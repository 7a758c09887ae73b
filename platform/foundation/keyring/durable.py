"""Files that hold secrets: made for their owner alone, replaced as a whole, overwritten before they go.

Overwriting reaches the old blocks on file systems that write in place (ext4, XFS). Copy-on-write file systems,
snapshots and the spare blocks of SSDs may keep them: `docs/keys.md` and the certificate say so.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from foundation.keyring import steps

LOCK_SECONDS = 5.0


def private_folder(folder: Path) -> Path:
    """`folder`, existing, open to its owner only."""
    if not folder.is_dir():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        sync_folder(folder.parent)
    return folder


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_new(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """A new file of exactly `data`, on the disk when this returns; raises `FileExistsError`."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def shred(path: Path) -> None:
    """Overwrite the file's content, on the disk, then remove its name. Nothing happens if there is no such file."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return
    with os.fdopen(descriptor, "wb") as file:
        file.write(os.urandom(os.fstat(descriptor).st_size))
        file.flush()
        os.fsync(descriptor)
    steps.reached("file.overwritten")
    path.unlink()
    sync_folder(path.parent)


def replace(path: Path, data: bytes) -> None:
    """Put `data` in the place of the file's content and shred the old content. The caller holds the lock.

    A kill leaves either the old or the new file, and perhaps leftovers that hold keys; `tidy` destroys those.
    """
    new, old = _leftovers(path)
    write_new(new, data)
    steps.reached("file.written")
    if path.exists():
        os.link(path, old)
        sync_folder(path.parent)
    steps.reached("file.linked")
    os.replace(new, path)
    sync_folder(path.parent)
    steps.reached("file.replaced")
    shred(old)
    steps.reached("file.shredded")


def tidy(path: Path) -> None:
    """Destroy what a killed `replace` left behind. The caller holds the lock."""
    new, old = _leftovers(path)
    shred(new)
    if not old.exists():
        return
    if path.exists() and not old.samefile(path):
        shred(old)
    elif path.exists():
        old.unlink()  # a second name of the living file: killed before the replacement
    else:
        os.replace(old, path)


def _leftovers(path: Path) -> tuple[Path, Path]:
    return path.with_name(path.name + ".new"), path.with_name(path.name + ".old")


@contextmanager
def locked(path: Path, *, shared: bool = False, seconds: float = LOCK_SECONDS) -> Iterator[None]:
    """Hold the lock file `path` against every process and thread; raises `TimeoutError` after `seconds`."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        _lock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX, time.monotonic() + seconds)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, kind: int, until: float) -> None:
    while True:
        try:
            return fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise TimeoutError("a key file stayed locked") from None
            time.sleep(0.002)
