"""`memwrit web`: gunicorn in the foreground, as operators run it behind a proxy. It starts and migrates nothing."""

from __future__ import annotations

import argparse
import os

from memwrit import web
from memwrit.commands.telling import Refused
from memwrit.embedded import attach


def run(arguments: argparse.Namespace) -> int:
    """Does not return: this process becomes gunicorn, with the web process's databases and no others."""
    if not attach.external():
        raise Refused("DATABASE_URL is not set: `memwrit serve` brings its own PostgreSQL, `memwrit web` serves yours")
    os.umask(0o077)
    command = web.command(arguments.bind, processes=arguments.workers, threads=arguments.threads)
    os.execve(command[0], command, attach.environment({}, attach.WEB))  # noqa: S606 - our own interpreter
