"""Old backups go when a new one is whole, and nothing else that lies beside them does."""

import argparse
import json

import pytest

from memwrit import dumps
from memwrit.commands import backup


@pytest.fixture
def take(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(backup, "url", lambda setting: setting)
    monkeypatch.setattr(dumps, "dump", lambda url, into: into.write_text(url))

    def run(keep):
        assert backup.run(argparse.Namespace(to=str(tmp_path), keep=keep, json=True)) == 0
        return json.loads(capsys.readouterr().out)["removed"]

    return run


def made(home, name, whole=True):
    (home / name).mkdir()
    if whole:
        (home / name / backup.MANIFEST).write_text("{}")


def names(home):
    return {path.name for path in home.iterdir()}


def test_the_latest_whole_ones_are_kept_and_so_is_what_is_not_ours(take, tmp_path):
    for name in ("20250101T000000Z", "20250102T000000Z", "20250103T000000Z"):
        made(tmp_path, name)
    made(tmp_path, "20250102T120000Z", whole=False)
    (tmp_path / "notes").mkdir()
    assert take(keep=2) == "3"
    kept = names(tmp_path)
    assert {"20250103T000000Z", "notes"} < kept
    assert len(kept) == 3


def test_one_that_was_cut_off_pushes_no_whole_one_out(take, tmp_path):
    made(tmp_path, "20250101T000000Z")
    made(tmp_path, "20250102T000000Z", whole=False)
    assert take(keep=2) == "0"
    assert {"20250101T000000Z", "20250102T000000Z"} < names(tmp_path)


def test_without_a_number_all_are_kept(take, tmp_path):
    made(tmp_path, "20250101T000000Z")
    assert take(keep=0) == "0"
    assert len(names(tmp_path)) == 2
