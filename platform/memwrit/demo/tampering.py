"""One byte of a sealed version is flipped in a copy of the database: the copy refuses it, the original stays."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import psycopg

from memwrit.demo.acts import Lines, expect
from memwrit.demo.at_rest import fingerprint
from memwrit.demo.client import Answer, Client, Line
from memwrit.demo.house import House
from memwrit.demo.stage import Stage
from memwrit.embedded.postgres import Cluster

# Sockets, locks and what a process tells of itself belong to the process, not to its data.
LIVE = ("run", "lock", "pulse.json", "postmaster.pid")
FLIP = (
    "UPDATE governance_version"
    " SET sealed = set_byte(sealed, length(sealed) / 2, get_byte(sealed, length(sealed) / 2) # 1)"
    " WHERE memcube_id = %s"
)


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy of the stopped server's data, a server that comes up on it, and how the original looked before."""

    house: House
    before: dict[str, bytes]


def take(stage: Stage) -> Copy:
    """Copy the data directory and let a server come up on the copy."""
    original = stage.house.data.resolve()
    before = fingerprint(original)
    data = copied(original, stage.folder / "copy")
    house = House(data, stage.folder / "copy.log", ("-m", "memwrit.demo.copied"))
    house.launch()
    return Copy(house, before)


def tamper(stage: Stage, copy: Copy) -> Lines:
    """Read, flip, be refused, flip back, read again."""
    victim, bystander = _two_left(stage)
    reader = Client(Line(copy.house.await_ready()), stage.first.admin.key)
    said = _flipped(reader, Cluster(copy.house.data), victim, bystander)
    copy.house.stop()
    expect(fingerprint(stage.house.data.resolve()) == copy.before, "the original was changed")
    before = copy.before
    return [
        f"one byte flipped in a copy, as PostgreSQL's superuser: reading it answers {said}",
        f"its neighbours are served, flipped back it is too; the original's {len(before)} files are as they were",
    ]


def _flipped(reader: Client, cluster: Cluster, victim: str, bystander: str) -> str:
    reader.get(victim).must(200)
    _flip(cluster, victim)
    refused = _refused(reader.get(victim))
    reader.get(bystander).must(200)
    _flip(cluster, victim)
    reader.get(victim).must(200)
    return refused


def _refused(answer: Answer) -> str:
    expect(
        (answer.status, answer.problem) == (500, "integrity"),
        f"a flipped byte answers {answer.status} {answer.problem}",
    )
    expect("content" not in answer.body, "the refusal carries content")
    return f"{answer.status} {answer.problem}"


def _two_left(stage: Stage) -> tuple[str, str]:
    """Two memories that were neither forgotten nor rolled back: one to flip, one beside it."""
    tenant, story = stage.first, stage.story
    left = [
        f"/v1/memories/{tenant.kept[each.key]['id']}"
        for each in tenant.company.memories
        if each.key in tenant.kept and each.subject != story.forgetting.subject and each.key != story.change.key
    ]
    expect(len(left) > 1, "too few memories are left")
    return left[0], left[1]


def _flip(cluster: Cluster, path: str) -> None:
    """Triggers and row-level security do not stop the superuser; the seal must."""
    with psycopg.connect(cluster.superuser_url()) as connection:
        connection.execute("SET session_replication_role = replica")
        changed = connection.execute(FLIP, [path.rsplit("/", 1)[1]]).rowcount
        expect(changed == 1, f"{changed} rows were flipped")


def copied(original: Path, target: Path) -> Path:
    """A copy of a stopped data directory, each file its owner's."""
    shutil.copytree(original, target, symlinks=True, ignore=shutil.ignore_patterns(*LIVE))
    for path in (original, *original.rglob("*")):
        twin = target / path.relative_to(original)
        if twin.exists() and (found := path.lstat()).st_uid != twin.lstat().st_uid:
            os.chown(twin, found.st_uid, found.st_gid, follow_symlinks=False)
    return target
