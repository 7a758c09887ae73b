"""`deploy/local`: bring it up, tend it, and take it away again."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import threading
from pathlib import Path

from deploy.on_one_machine.fleet import Fleet, Form


def main() -> int:
    parser = argparse.ArgumentParser(prog="deploy/local", description=__doc__)
    parser.add_argument("--port", type=int, default=8800)
    parser.add_argument("--data", type=Path, help="kept afterwards; without it everything is gone at the end")
    parser.add_argument("--webs", type=int, default=2, help="web processes")
    parser.add_argument("--engine", choices=("postgres", "opensearch"), default="postgres")
    parser.add_argument("--embedder", default="minilm")
    parser.add_argument("--broker", choices=("valkey", "rabbitmq"), default="valkey")
    parser.add_argument("--no-proxy", action="store_true")
    asked = parser.parse_args()
    ended = threading.Event()
    for sent in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sent, lambda *_: ended.set())
    form = Form(asked.webs, asked.engine, asked.embedder, proxy=not asked.no_proxy, broker=asked.broker)
    with (
        tempfile.TemporaryDirectory(prefix="mw-local-") as temporary,
        Fleet(asked.data or Path(temporary) / "data", form, asked.port) as fleet,
    ):
        print(f"ready {fleet.url}", flush=True)
        while not ended.wait(1.0):
            fleet.tend()
    return 0


sys.exit(main())
