"""A witness as c2sp.org/tlog-witness describes it, on a port of its own. It checks by itself what it is shown: the proof
is folded here by the recursion of RFC 6962, and not by the product's verifier."""

from __future__ import annotations

import base64
import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


class Bad(Exception):
    """The status that the request is answered with."""


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def roots(old: int, new: int, proof: list[bytes], known: bytes) -> tuple[bytes, bytes]:
    """The roots of the first `old` and of all `new` leaves, as the proof has them."""

    def fold(m: int, n: int, whole: bool) -> tuple[bytes, bytes]:
        if m == n:
            one = known if whole else proof.pop()
            return one, one
        k = 1 << (n - 1).bit_length() - 1
        beside = proof.pop()
        if m <= k:
            first, second = fold(m, k, whole)
            return first, node(second, beside)
        first, second = fold(m - k, n - k, False)
        return node(beside, first), node(beside, second)

    found = fold(old, new, True)
    if proof:
        raise Bad(422)
    return found


class Witness:
    """`logs`: origin -> the log's public key; `seen`: origin -> (size, root) that was signed last."""

    def __init__(self, name: str = "witness.example/w1") -> None:
        self.name, self.key = name, Ed25519PrivateKey.generate()
        self.logs: dict[str, Ed25519PublicKey] = {}
        self.seen: dict[str, tuple[int, bytes]] = {}
        self.lock, self.asked, self.url, self.ahead = threading.Lock(), 0, "", 0

    @property
    def _typed(self) -> bytes:
        return b"\x04" + self.key.public_key().public_bytes_raw()

    @property
    def _id(self) -> bytes:
        return hashlib.sha256(self.name.encode() + b"\n" + self._typed).digest()[:4]

    @property
    def setting(self) -> str:
        return f"{self.name}+{self._id.hex()}+{base64.b64encode(self._typed).decode()}={self.url}"

    def answer(self, body: bytes) -> tuple[int, str, str]:
        """(status, type, text) for one `add-checkpoint`."""
        with self.lock:
            self.asked += 1
            try:
                return 200, "text/plain", self._signed(body.decode())
            except Bad as bad:
                size = next(iter(self.seen.values()), (0, b""))[0]
                return bad.args[0], "text/x.tlog.size" if len(bad.args) > 1 else "text/plain", f"{size}\n"

    def _signed(self, body: str) -> str:
        told, note = body.split("\n\n", 1)
        first, *proof = told.split("\n")
        text = note.split("\n\n")[0] + "\n"
        origin, size, root, *_ = text.split("\n")
        old, new, seen = int(first.removeprefix("old ")), int(size), self.seen.get(origin, (0, b""))
        self._require_log(origin, text, note)
        if old > new:
            raise Bad(400)
        if old != seen[0]:
            raise Bad(409, "size")
        self._require_extension(old, new, [base64.b64decode(each) for each in proof], seen[1], base64.b64decode(root))
        self.seen[origin] = new, base64.b64decode(root)
        return self._line(text)

    def _require_log(self, origin: str, text: str, note: str) -> None:
        if origin not in self.logs:
            raise Bad(404)
        blob = base64.b64decode(note.rstrip("\n").rsplit(" ", 1)[1])
        try:
            self.logs[origin].verify(blob[4:], text.encode())
        except InvalidSignature:
            raise Bad(403) from None

    def _require_extension(self, old: int, new: int, proof: list[bytes], before: bytes, root: bytes) -> None:
        if old == 0:
            if proof:
                raise Bad(422)
        elif old == new:
            if root != before:
                raise Bad(409)
        elif roots(old, new, proof, before) != (before, root):
            raise Bad(422)

    def _line(self, text: str) -> str:
        at = int(time.time()) + self.ahead
        signature = self.key.sign(f"cosignature/v1\ntime {at}\n{text}".encode())
        mine = base64.b64encode(self._id + at.to_bytes(8, "big") + signature).decode()
        others = base64.b64encode(b"0" * 76).decode()
        return f"— stranger.example/w9 {others}\n— {self.name} {mine}\n"


@contextmanager
def serving(witness: Witness) -> Iterator[Witness]:
    """The witness behind `witness.url`."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            known = self.path == "/w/add-checkpoint"
            status, kind, text = witness.answer(body) if known else (404, "text/plain", "")
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: Any) -> None:
            """Requests are not the tests' output."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    witness.url = f"http://127.0.0.1:{server.server_port}/w"
    try:
        yield witness
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
