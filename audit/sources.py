"""Where the offline verifier reads from: a file, a folder in tlog-tiles layout, or the same over HTTP."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

LIMIT = 64 * 1024 * 1024
TIMEOUT = 30.0
TOKEN = "MEMWRIT_TOKEN"  # noqa: S105 - the name of the variable that holds an API key


class CannotTell(Exception):
    """The evidence could not be had: nothing is known either way."""


@dataclass(frozen=True, slots=True)
class Source:
    """A place of evidence: a path or an http(s) URL. API keys for the latter come from `MEMWRIT_TOKEN`."""

    place: str

    @property
    def remote(self) -> bool:
        return self.place.startswith(("http://", "https://"))

    def read(self, name: str = "") -> bytes:
        """The evidence itself, or the resource `name` under it; raises `CannotTell`."""
        found = self.find(name)
        if found is None:
            raise CannotTell(f"there is no {name or self.place}")
        return found

    def find(self, name: str = "") -> bytes | None:
        """As `read`; None where it does not exist."""
        return self._get(self._url(name)) if self.remote else self._open(Path(self.place, name))

    def text(self, name: str = "") -> str:
        try:
            return self.read(name).decode()
        except UnicodeDecodeError:
            raise CannotTell("the evidence is not text") from None

    def checkpoint(self) -> str:
        """The newest checkpoint: the file itself, or `checkpoint` in the folder or under the URL."""
        if self.remote:
            return self.text("" if self.place.rstrip("/").endswith("/checkpoint") else "checkpoint")
        return self.text("checkpoint" if Path(self.place).is_dir() else "")

    def _url(self, name: str) -> str:
        base = self.place.rstrip("/")
        if name.startswith("tile/") and base.endswith("/v1/audit"):
            base += "/tiles"
        return f"{base}/{name}" if name else base

    def _get(self, url: str) -> bytes | None:
        token = os.environ.get(TOKEN)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        request = urllib.request.Request(url, headers=headers)  # noqa: S310 - `remote` admits http and https alone
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310
                return _bounded(answer.read(LIMIT + 1))
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise CannotTell(f"the server answered {error.code}") from None
        except OSError as error:
            raise CannotTell(f"the server cannot be reached: {type(error).__name__}") from None

    def _open(self, path: Path) -> bytes | None:
        try:
            with path.open("rb") as file:
                return _bounded(file.read(LIMIT + 1))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise CannotTell(f"{path} cannot be read: {error.strerror}") from None


def _bounded(data: bytes) -> bytes:
    if len(data) > LIMIT:
        raise CannotTell("the evidence is too large")
    return data
