"""A backup, what happens after it, the database lost and put back: nothing forgotten comes back, nothing kept is lost."""

import hashlib
import json

import pytest

from memwrit.commands.backup import DUMPS, MANIFEST
from memwrit.commands.restore import _checked
from memwrit.commands.telling import Refused
from memwrit.demo.client import Client, Line, eventually
from memwrit.demo.house import House


class Drill:
    """One installation and the memories of its tenant."""

    def __init__(self, folder):
        self.folder = folder
        self.house = House(folder / "data", folder / "serve.log")
        self.house.data.mkdir()
        self.keys = {}

    def memwrit(self, *arguments):
        done = self.house.memwrit(*arguments)
        return done.returncode, done.stdout, done.stderr

    def told(self, *arguments):
        code, out, err = self.memwrit(*arguments, "--json")
        assert code == 0, out + err
        return json.loads(out.splitlines()[-1])

    def start(self):
        self.line = Line(self.house.start())

    def client(self, role):
        return Client(self.line, self.keys[role])

    def make_tenant(self):
        made = self.told("tenant", "create", "Larkspur")
        self.tenant, self.keys["admin"] = made["tenant_id"], made["api_key"]
        self.space = self.client("admin").post("/v1/spaces", {"name": "support"}).must(201).body["id"]
        for role in ("agent", "compliance", "auditor"):
            body = {"role": role, "name": role, "spaces": [self.space] if role == "agent" else []}
            self.keys[role] = self.client("admin").post("/v1/api_keys", body).must(201).body["api_key"]

    def admit(self, text, subjects=("crm:1",)):
        body = {"space": self.space, "content": text, "subjects": list(subjects), "provenance": {"source": "chat:1"}}
        return self.client("agent").post("/v1/memories", body).must(201).body["id"]

    def read(self, memory):
        return self.client("agent").get(f"/v1/memories/{memory}")

    def found(self, memory):
        ask = {"query": "Which seat is kept free on the night train?", "k": 10}

        def holds(answer):
            return memory in {hit["id"] for hit in answer.body.get("data", ())}

        eventually(lambda: self.client("agent").post("/v1/memories:search", ask), holds, "the survivor")

    def erase(self, memory):
        officer = self.client("compliance")
        plan = officer.post(
            "/v1/erasure_requests", {"select": {"ids": [memory]}, "basis": "gdpr-17", "reason": "asked"}
        )
        request = plan.must(201).body
        started = officer.post(
            f"/v1/erasure_requests/{request['id']}:execute", {"expected_manifest": request["manifest"]}
        ).must(202)
        eventually(
            lambda: officer.get(started.location), lambda answer: answer.body.get("state") == "done", "the erasure"
        )

    def origin(self):
        def sequenced(answer):
            return answer.status == 200

        return eventually(lambda: self.client("auditor").get("/v1/audit/checkpoint"), sequenced, "a checkpoint").text

    def acts(self):
        return [each["act"] for each in self.client("auditor").get("/v1/audit/events?act=log.recover").body["data"]]


@pytest.fixture
def drill(tmp_path):
    drill = Drill(tmp_path)
    drill.start()
    yield drill
    drill.house.stop()


@pytest.mark.slow
def test_what_was_forgotten_stays_forgotten_and_what_survived_is_served(drill):
    drill.make_tenant()
    gone, kept, other = (
        drill.admit("The aisle seat is kept free on the night train."),
        drill.admit("The window seat is kept free on the night train."),
        drill.admit("The middle seat is kept free on the night train.", subjects=()),
    )
    backup = drill.told("backup", "--to", str(drill.folder / "backups"))["backup"]
    assert drill.read(gone).status == 200, "the control: it was there when the backup was made"
    drill.erase(gone)
    late = drill.admit("The seat by the door is kept free on the night train.")
    assert drill.origin().startswith(f"memwrit/{drill.tenant}\n")
    code, _, err = drill.memwrit("restore", "--from", backup)
    assert (code, "stop it first" in err) == (1, True)
    drill.house.stop()

    code, _, err = drill.memwrit("restore", "--from", backup)
    assert (code, "not empty" in err) == (1, True)
    told = drill.told("restore", "--from", backup, "--replace")
    assert (told["tenants"], told["records erased again"]) == ("1", "1")
    assert int(told["key shards brought forward"]) >= 1

    drill.start()
    assert [drill.read(each).status for each in (gone, kept, other, late)] == [410, 200, 200, 404]
    assert "window" in drill.read(kept).body["content"]
    drill.found(kept)
    drill.admit("The seat by the stairs is kept free on the night train.")
    assert drill.origin().startswith(f"memwrit/{drill.tenant}/2\n")
    assert drill.acts() == ["log.recover"]


@pytest.fixture
def backup(tmp_path):
    """A folder as `memwrit backup` makes it, of two files that are no dumps."""
    files = {}
    for name in DUMPS:
        (tmp_path / name).write_bytes(name.encode())
        files[name] = {"sha256": hashlib.sha256(name.encode()).hexdigest()}
    (tmp_path / MANIFEST).write_text(json.dumps({"made_at": "2026-11-22T10:00:00Z", "files": files}))
    return tmp_path


def test_a_whole_backup_is_taken(backup):
    assert _checked(backup) == "2026-11-22T10:00:00Z"


def test_a_backup_that_was_changed_is_refused(backup):
    (backup / "memwrit.dump").write_bytes(b"memwrit.dumq")
    with pytest.raises(Refused, match="not what was backed up"):
        _checked(backup)


@pytest.mark.parametrize("name", [*DUMPS, MANIFEST])
def test_a_backup_that_was_cut_off_is_refused(backup, name):
    (backup / name).unlink()
    with pytest.raises(Refused, match="no whole backup"):
        _checked(backup)
