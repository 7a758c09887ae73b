"""A web server on a copied data directory: `python -m memwrit.demo.copied DIR`. The product's own code, in one process.

It prints `ready URL` and serves until it is told to end. There is no worker: a copy is for reading.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType
from wsgiref.simple_server import WSGIRequestHandler, make_server

from memwrit.embedded.attach import WEB, attach


class Silent(WSGIRequestHandler):
    """Paths hold ids; nobody needs them on a terminal."""

    def log_message(self, format: str, *args: object) -> None:
        pass


def main(data: str) -> None:
    """Bring up the copy's PostgreSQL and serve it with the web process's rights alone."""
    attach(data, WEB)
    os.environ["DJANGO_SETTINGS_MODULE"] = "memwrit.settings"
    from django.core.wsgi import get_wsgi_application

    with make_server("127.0.0.1", 0, get_wsgi_application(), handler_class=Silent) as server:

        def end(_signal: int, _frame: FrameType | None) -> None:
            # From a thread: it waits for the loop, which goes on only after this handler.
            threading.Thread(target=server.shutdown).start()

        signal.signal(signal.SIGTERM, end)
        print(f"ready http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1])
