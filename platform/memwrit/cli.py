"""The `memwrit` command. Nothing heavy is imported before it is known what is asked: `--help` answers at once."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TypeAlias

ROLES = ("admin", "compliance", "agent", "auditor", "reader")
Command = Callable[[argparse.Namespace], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    given = list(sys.argv[1:] if argv is None else argv)
    if given[:1] == ["verify"]:  # the verifier is a program of its own, with its own arguments and exit codes
        return int(import_module("audit.verifier").main(given[1:]))
    if given[:1] == ["demo"]:
        return int(import_module("memwrit.demo").main(given[1:]))
    arguments = parser().parse_args(given)
    command: Command = arguments.command
    try:
        return command(arguments)
    except Exception as error:
        return _refused(error)


def parser() -> argparse.ArgumentParser:
    """Every command with its arguments."""
    top = argparse.ArgumentParser(prog="memwrit", description="Governs what AI agents remember.")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    _serving(commands)
    _people(commands)
    _upkeep(commands)
    _judging(commands)
    canary = _command(commands, "canary", "admit, find and forget a memory through a running service", _canary)
    canary.add_argument("--url", required=True, help="where it answers; the key is CANARY_API_KEY")
    canary.add_argument("--within", type=float, default=90.0, metavar="SECONDS", help="for each step (90)")
    commands.add_parser("demo", help="run the main job on real data and print what happened", add_help=False)
    commands.add_parser("verify", help="verify exported files offline (memwrit verify --help)", add_help=False)
    return top


Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def _serving(commands: Commands) -> None:
    serve = _command(commands, "serve", "the embedded server, in the foreground", _serve)
    serve.add_argument("--port", type=int, default=8700)
    web = _command(commands, "web", "the web server alone, on a database that was given", _web)
    web.add_argument("--bind", default="0.0.0.0:8700", metavar="ADDRESS", help="HOST:PORT or unix:PATH")
    web.add_argument("--workers", type=int, default=0, metavar="N", help="processes (WEB_WORKERS)")
    web.add_argument("--threads", type=int, default=8, metavar="N", help="threads of each (8)")
    tick = _command(commands, "tick", "the worker: outbox, sequencer, retention", _tick)
    tick.add_argument("--only", choices=("relay", "sequencer", "retention"))
    worker = _command(commands, "worker", "does what the relay sends through BROKER_URL", _worker)
    worker.add_argument("--queues", default="", metavar="NAME,…", help="these classes of work only")
    worker.add_argument("--concurrency", type=int, default=0, metavar="N", help="processes (one for each processor)")
    worker.add_argument("--pulse", default="", metavar="FILE", help="touched while the broker is there")


def _people(commands: Commands) -> None:
    tenant = commands.add_parser("tenant", help="tenants").add_subparsers(required=True, metavar="ACTION")
    create = _command(
        tenant,
        "create",
        "tenants, each with its first admin key, shown once",
        _deferred("create_tenant"),
    )
    create.add_argument("names", nargs="+", metavar="NAME")
    key = commands.add_parser("key", help="API keys").add_subparsers(required=True, metavar="ACTION")
    create = _command(key, "create", "an API key, shown once", _deferred("create_key"))
    _owned(create)
    create.add_argument("--name", default="", help="what the key is for")
    person = commands.add_parser("person", help="people").add_subparsers(required=True, metavar="ACTION")
    create = _command(person, "create", "a person who signs in to the console", _deferred("create_person"))
    _owned(create)
    create.add_argument("--email", required=True)
    create.add_argument("--name", default="person", help="as colleagues know him; it is shown beside what he did")
    create.add_argument("--password-stdin", action="store_true", help="read the password from standard input")


def _owned(command: argparse.ArgumentParser) -> None:
    command.add_argument("--tenant", required=True, metavar="ID")
    command.add_argument("--role", required=True, choices=ROLES)
    command.add_argument("--space", action="append", default=[], metavar="ID", help="may be repeated")


def _upkeep(commands: Commands) -> None:
    _command(commands, "migrate", "bring both databases' tables up to date", _deferred("migrate"))
    check = _command(commands, "check", "refuse an unsafe deployment", _deferred("check"))
    check.add_argument("--deploy", action="store_true", required=True)
    parity = _command(commands, "parity", "compare index and rows", _deferred("parity"))
    parity.add_argument("--tenant", metavar="ID", help="one tenant only")
    parity.add_argument("--mend", action="store_true", help="take orphans out first, then put what is missing or stale")
    _command(commands, "template", "put the template that indices of OpenSearch follow", _deferred("template"))
    _backing_up(commands)
    _reindexing(commands)


def _backing_up(commands: Commands) -> None:
    backup = _command(commands, "backup", "dump both databases while they are in use", _backup)
    backup.add_argument("--to", required=True, metavar="DIR", help="a new folder is made in it")
    backup.add_argument("--keep", type=int, default=0, metavar="N", help="then remove all but the N latest whole ones")
    restore = _command(commands, "restore", "bring a backup back, without what was erased since", _restore)
    restore.add_argument("--from", required=True, metavar="BACKUP", help="the folder that `backup` made")
    restore.add_argument("--replace", action="store_true", help="drop what the databases hold now")
    does = "let a log in quarantine go on, visibly as another one"
    recover = _command(commands, "recover", does, _deferred("recover"))
    recover.add_argument("--tenant", required=True, metavar="ID")


def _backup(arguments: argparse.Namespace) -> int:
    """Whoever was given the role that backs up needs none beside it, nor the data directory."""
    from memwrit import environment

    if not environment.text("DATABASE_BACKUP_URL"):
        return _deferred("backup")(arguments)
    return int(import_module("memwrit.commands.backup").run(arguments))


def _restore(arguments: argparse.Namespace) -> int:
    from memwrit.embedded.attach import attach, external
    from memwrit.embedded.folders import InUse

    given = external()
    if not attach(arguments.data) and not given:
        raise InUse("the server is running: stop it first")
    _set_up_django()
    return int(import_module("memwrit.commands.restore").run(arguments))


def _canary(arguments: argparse.Namespace) -> int:
    return int(import_module("memwrit.commands.canary").run(arguments))


def _reindexing(commands: Commands) -> None:
    does = "write the search index anew from PostgreSQL, under a new key, while it is in use"
    reindex = _command(commands, "reindex", does, _deferred("reindex"))
    reindex.add_argument("--tenant", metavar="ID", help="one tenant only")
    reindex.add_argument("--embedder", default="", metavar="NAME", help="with another embedder (EMBEDDERS)")
    least = "the share of what the old embedder finds that the new one must find (0.9)"
    reindex.add_argument("--least", type=float, metavar="SHARE", help=least)
    instead = reindex.add_mutually_exclusive_group()
    instead.add_argument("--status", action="store_true", help="say how far it is, and do nothing")
    instead.add_argument("--stop", action="store_true", help="give up what has not switched yet")


def _judging(commands: Commands) -> None:
    guard = commands.add_parser("guard", help="the guard's verdicts").add_subparsers(required=True, metavar="ACTION")
    replay = _command(guard, "replay", "judge recorded decisions again; the same must come out", _replay)
    what = replay.add_mutually_exclusive_group(required=True)
    what.add_argument("--tenant", metavar="ID", help="a tenant's newest decisions")
    what.add_argument("--bundle", metavar="FILE", help="decisions saved before, with no database at hand")
    replay.add_argument("--admission", action="append", default=[], metavar="ID", help="this one; may be repeated")
    replay.add_argument("--limit", type=int, default=1000, help="how many of the newest (1000)")
    replay.add_argument("--save", metavar="FILE", help="also write them to a new file, as readable text")


def _replay(arguments: argparse.Namespace) -> int:
    if arguments.bundle:
        return int(import_module("memwrit.commands.replay").offline(arguments))
    return _deferred("replay")(arguments)


def _command(commands: Commands, name: str, does: str, run: Command) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=does, description=does)
    command.add_argument("--data", metavar="DIR", help="the embedded data directory")
    command.add_argument("--json", action="store_true", help="machine-readable output")
    command.set_defaults(command=run)
    return command


def _serve(arguments: argparse.Namespace) -> int:
    from memwrit.embedded.serve import serve

    return serve(arguments.port, arguments.data)


def _web(arguments: argparse.Namespace) -> int:
    return int(import_module("memwrit.commands.web").run(arguments))


def _tick(arguments: argparse.Namespace) -> int:
    from memwrit import tick
    from memwrit.embedded.attach import TICK, attach

    attach(arguments.data, TICK)
    _set_up_django()
    return tick.run(arguments.only)


def _worker(arguments: argparse.Namespace) -> int:
    from memwrit.embedded.attach import WORKER, attach

    attach(arguments.data, WORKER)
    _set_up_django()
    return int(import_module("memwrit.commands.worker").run(arguments))


def _deferred(name: str) -> Command:
    """A command of `memwrit.commands`, with the settings of the data directory and Django set up around it."""

    def run(arguments: argparse.Namespace) -> int:
        from memwrit.embedded.attach import attach

        started = attach(arguments.data)
        _set_up_django()
        if started:
            import_module("memwrit.commands.migrate").run(arguments)
        return int(import_module(f"memwrit.commands.{name}").run(arguments))

    return run


def _set_up_django() -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "memwrit.settings")
    django.setup()


def _refused(error: Exception) -> int:
    """A refusal is told in one line; anything else is a bug and is told without its text (it may hold content)."""
    told = ("DataDirectoryError", "InUse", "StartFailed", "ImproperlyConfigured", "Refused", "DumpFailed")
    if type(error).__name__ in told:
        print(f"memwrit: {error}", file=sys.stderr)
        return 1
    if hasattr(error, "status") and hasattr(error, "title"):
        print(f"memwrit: {error.title}: {getattr(error, 'detail', '')}".rstrip(": "), file=sys.stderr)
        return 1
    from memwrit.logs import frames

    print("memwrit: an error that should not happen", *frames(error), sep="\n  ", file=sys.stderr)
    return 70


if __name__ == "__main__":
    sys.exit(main())
