"""The helper process: reads a document, answers what it found. Run by `guard.pii.workers`, not imported by the server.

It prints nothing, logs nothing and leaves no core: its input is the one place where unredacted text lives.
"""

from __future__ import annotations

import logging
import os
import resource
import signal
import sys
from typing import Any, BinaryIO

from guard.pii import frames
from guard.pii.port import PiiUnavailable, Reason


def serve(answering: Any) -> None:
    """Answer frames until the parent is gone. `answering(config)` makes the function that answers."""
    source, sink = _pipes()
    logging.disable(logging.CRITICAL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answer = _load(answering, source, sink)
    while True:
        try:
            job = frames.read(source)
        except frames.Closed:
            os._exit(0)
        _arm(job)
        reply = _answered(answer, job)
        signal.alarm(0)
        _send(sink, reply)


def _load(answering: Any, source: BinaryIO, sink: BinaryIO) -> Any:
    config = frames.read(source)
    _arm(config)
    try:
        answer = answering(config)
    except Exception:
        _send(sink, {"unavailable": Reason.MODEL})
        os._exit(1)
    signal.alarm(0)
    _send(sink, {"ready": True})
    return answer


def _answered(answer: Any, job: dict[str, Any]) -> dict[str, Any]:
    """Whatever goes wrong becomes a reason without a text: an exception's message may hold what was read."""
    try:
        return dict(answer(job))
    except PiiUnavailable as unavailable:
        return {"unavailable": unavailable.reason}
    except Exception:
        return {"unavailable": Reason.CRASH}


def _arm(message: dict[str, Any]) -> None:
    """Let the kernel end this process when the parent did not live to do it; no thread of ours could."""
    signal.alarm(int(message.get("alarm", 60)))


def _send(sink: BinaryIO, message: dict[str, Any]) -> None:
    try:
        sink.write(frames.encode(message))
        sink.flush()
    except BrokenPipeError:
        os._exit(0)


def _pipes() -> tuple[BinaryIO, BinaryIO]:
    """Our own ends of the pipes; whatever a library prints goes nowhere."""
    source = os.fdopen(os.dup(0), "rb")
    sink = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1):
        os.dup2(nowhere, fd)
    return source, sink


def main() -> None:
    def answering(config: dict[str, Any]) -> Any:
        from guard.pii.detector import Detector

        return Detector.load(config).answer

    serve(answering)


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    main()
