"""`./dev demo`: its exit code is the verdict, and each of its checks can fail."""

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from memwrit.demo import Report, _act, at_rest, outside
from memwrit.demo.acts import _verdict, expect
from memwrit.demo.client import Answer, Broken, eventually
from memwrit.demo.house import ELSEWHERE, House, surroundings
from memwrit.demo.memories import written
from memwrit.demo.report import Bar, Promise, shorten, visible
from memwrit.demo.stage import Stage
from memwrit.embedded.attach import ALL

ROOT = Path(__file__).resolve().parents[2]


def answer(status, **body):
    return Answer(status, body, json.dumps(body))


@pytest.fixture
def stage(tmp_path):
    house = House(tmp_path / "data", tmp_path / "serve.log")
    house.data.mkdir()
    house.log.touch()
    return Stage(written(), tmp_path, house, Bar(1))


@pytest.mark.slow
def test_the_demo_keeps_every_promise(tmp_path):
    hidden = {*ALL, *ELSEWHERE}
    surrounding = {name: value for name, value in os.environ.items() if name not in hidden}
    surrounding |= {"PYTHONPATH": f"{ROOT / 'platform'}:{ROOT}"}
    done = subprocess.run(
        [sys.executable, "-m", "memwrit.cli", "demo"],
        env=surrounding,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "✗" not in done.stdout
    for promise in ("admit", "privacy", "guard", "question", "isolation", "rollback", "forget", "certificate", "log"):
        assert f"✓ {promise}" in done.stdout
    assert done.stderr == "", "without a terminal there is no bar, and nothing else to say"


def test_a_broken_promise_is_told_and_counted(stage):
    report = Report()

    def breaks(_stage):
        raise Broken("it was served")

    assert not _act(stage, report, "tampering", breaks)
    assert _act(stage, report, "log", lambda _stage: ["12 acts"])
    out = io.StringIO()
    report.print(out)
    assert [promise.name for promise in report.broken] == ["tampering"]
    assert "✗ tampering   NOT KEPT: it was served" in out.getvalue()
    assert "✓ log         12 acts" in out.getvalue()
    assert "\x1b" not in out.getvalue()


def test_what_nobody_foresaw_is_a_broken_promise(stage):
    report = Report()
    assert not _act(stage, report, "admit", lambda _stage: [][0])
    assert report.broken[0].broken.startswith("IndexError")


def test_an_act_without_its_predecessor_is_broken(stage):
    with pytest.raises(Broken, match="did not get so far"):
        stage.from_act("forget")


def test_an_answer_of_another_status_is_broken():
    assert answer(201).must(201, 202)
    with pytest.raises(Broken, match=r"expected 404, came 200"):
        answer(200, data=[]).must(404)


def test_what_never_comes_is_broken():
    with pytest.raises(Broken, match="the index did not come within 0 s"):
        eventually(lambda: answer(503), lambda each: each.status == 200, "the index", within=0)


@pytest.mark.parametrize(
    ("given", "state"),
    [
        (answer(201, admission={"reasons": ["single-source"]}), ("admitted", [])),
        (answer(202, admission={"reasons": ["directive"]}), ("held", ["directive"])),
        (
            answer(422, type="/problems/rejected", admission={"reasons": ["hidden-unicode"]}),
            ("rejected", ["hidden-unicode"]),
        ),
    ],
)
def test_the_guards_verdict_is_read_from_the_answer(given, state):
    assert _verdict(given) == state


def test_a_malformed_request_is_not_taken_for_a_rejection():
    with pytest.raises(Broken):
        _verdict(answer(422, type="/problems/validation"))


def test_text_that_lies_on_the_disk_is_found_in_every_spelling(stage):
    stage.tenants = (Kept(), Kept())
    assert "nothing" in at_rest.at_rest(stage)[0]
    for number, spelling in enumerate(at_rest._spellings(stage.story.canaries[3])):
        place = stage.house.data / f"file-{number}"
        place.write_bytes(b"before" + spelling + b"after")
        with pytest.raises(Broken, match="readable text in 1 files"):
            at_rest.at_rest(stage)
        place.unlink()


class Kept:
    """A tenant that has memories."""

    kept = {"one": {}}


def test_the_disk_of_a_server_that_keeps_nothing_proves_nothing(stage):
    stage.tenants = (type("Empty", (), {"kept": {}}),)
    with pytest.raises(Broken, match="no memory was admitted"):
        at_rest.at_rest(stage)


def test_a_changed_file_changes_the_fingerprint(tmp_path):
    (tmp_path / "page").write_bytes(b"\0" * 100)
    before = at_rest.fingerprint(tmp_path)
    assert at_rest.fingerprint(tmp_path) == before
    (tmp_path / "page").write_bytes(b"\0" * 99 + b"\1")
    assert at_rest.fingerprint(tmp_path) != before


def test_the_demo_never_meets_another_installation(monkeypatch):
    for name in ("DATABASE_URL", "KMS", "DATABASE_OWNER_URL_FILE", "MEMWRIT_DATA"):
        monkeypatch.setenv(name, "elsewhere")
    monkeypatch.setenv("LANG", "C")
    assert "elsewhere" not in surroundings().values()
    assert surroundings()["LANG"] == "C"


def test_a_server_that_does_not_start_says_why(tmp_path):
    house = House(tmp_path, tmp_path / "log", ("-c", "import sys; sys.exit('no room')"))
    with pytest.raises(Broken, match="no room"):
        house.start()
    assert house.stop() in (1, -signal.SIGTERM)


def test_every_attack_has_a_twin_that_is_remembered():
    """The same booking looked up honestly is among the memories, so that refusing episodes at all is no success."""
    story = written()
    episodes = [memory.episode for memory in story.first.memories if memory.episode]
    poisoned = next(attack.memory.episode for attack in story.attacks if attack.memory.episode)
    assert any(each["question"] == poisoned["question"] for each in episodes)


def test_the_storys_keys_are_its_own_and_parents_come_first():
    for company in written().companies:
        keys = [memory.key for memory in company.memories]
        assert len(keys) == len(set(keys))
        plain = {memory.key for memory in company.memories if not memory.parents}
        assert all(plain.issuperset(memory.parents) for memory in company.memories)


def test_missing_public_data_is_told_loudly_and_the_own_story_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(outside, "DATA", tmp_path)
    assert outside.told() == written()
    assert "NO PUBLIC DATA: locomo, poisonedrag" in capsys.readouterr().err


@pytest.mark.skipif(not outside.DATA.exists(), reason="public data (LoCoMo, PoisonedRAG) is not beside the checkout")
def test_the_public_texts_make_a_whole_story():
    story = outside.told()
    turns = {memory.key: memory for memory in story.first.memories}
    assert len(turns) == len(story.first.memories) > 100
    assert len(story.poison) == outside.TARGETS * outside.TEXTS
    assert all(turns.keys() >= set(quiz.answers) for quiz in story.quiz)
    assert turns[story.change.key].subject != story.forgetting.subject
    assert turns[story.forgetting.stays].subject != story.forgetting.subject
    assert all(value in turns[story.private.key].content for value in story.private.values)


def test_invisible_letters_are_shown_and_long_texts_cut():
    assert visible("approved\u200b\U000e0041") == "approved ⟨2 invisible⟩"
    assert shorten("one  two\nthree", 9) == "one two…"


def test_expect_says_what_came_instead():
    expect(True, "never")
    with pytest.raises(Broken, match="never"):
        expect(False, "never")
    assert Promise("log").broken == ""
