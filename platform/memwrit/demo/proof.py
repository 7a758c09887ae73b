"""The log's evidence: fetched while the server runs, verified by `memwrit verify` when it is gone.

Every file is also verified with one thing in it changed, and must then be refused: a verifier that accepts everything
would keep its promise too.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from memwrit.demo.acts import Lines, expect
from memwrit.demo.client import Answer, eventually
from memwrit.demo.house import memwrit
from memwrit.demo.stage import Stage
from memwrit.demo.story import Body

VERIFIED, REFUSED = 0, 1


def first_checkpoint(stage: Stage) -> None:
    """Keep the log's head as it stood before the story, as an auditor would."""
    answer = _arrived(stage, "/v1/audit/checkpoint")
    place(stage, "before.checkpoint").write_text(answer.text, encoding="utf-8")


def place(stage: Stage, name: str) -> Path:
    """A file of evidence."""
    folder = stage.folder / "evidence"
    folder.mkdir(exist_ok=True)
    return folder / name


def fetch(stage: Stage) -> Lines:
    """Take out keys, checkpoint, proofs and the certificate, as files that need no server any more."""
    auditor = stage.first.auditor
    keys = auditor.get("/.well-known/memwrit-keys.json").must(200)
    place(stage, "keys.json").write_text(keys.text, encoding="utf-8")
    event = stage.from_act("rollback")["receipt"]["event_id"]
    _save(stage, "rollback.json", _arrived(stage, f"/v1/audit/proofs/{event}").body)
    certificate = stage.from_act("forget")["certificate_id"]
    _save(stage, "certificate.json", _arrived(stage, f"/v1/erasure_certificates/{certificate}").body)
    old = int(place(stage, "before.checkpoint").read_text(encoding="utf-8").split("\n")[1])
    grown = auditor.get(f"/v1/audit/consistency?from={old}").must(200).body
    _save(stage, "consistency.json", grown)
    place(stage, "checkpoint").write_text(grown["checkpoint"], encoding="utf-8")
    stage.left["log"] = {"old": old, "new": grown["to"], "acts": _acts(stage)}
    return []


def _arrived(stage: Stage, path: str) -> Answer:
    """An answer of the log's; what was just written is sequenced within a second or so."""
    return eventually(lambda: stage.first.auditor.get(path).must(200, 404), lambda a: a.status == 200, path)


def _save(stage: Stage, name: str, body: Body) -> None:
    place(stage, name).write_text(json.dumps(body), encoding="utf-8")


def _acts(stage: Stage) -> int:
    """How many events the log lists, page by page."""
    path, count = "/v1/audit/events?limit=200", 0
    while path:
        page = stage.first.auditor.get(path).must(200).body
        count += len(page["data"])
        path = f"/v1/audit/events?limit=200&cursor={page['next_cursor']}" if page["has_more"] else ""
    return count


def certificate(stage: Stage) -> Lines:
    """The certificate holds offline, a changed one does not; its commitment opens; the old epoch keys are gone."""
    stage.from_act("log")
    file = json.loads(place(stage, "certificate.json").read_text(encoding="utf-8"))
    facts = _verified(stage, "certificate", "certificate.json", _other_count)
    expect(facts["assurance"] == stage.from_act("forget")["assurance"], "the certificate claims something else")
    body, secret = file["certificate"], stage.from_act("forget")["secret"]
    opened = hashlib.sha256(f"{secret}\0{stage.story.forgetting.subject}".encode()).digest()
    expect(base64.b64encode(opened).decode() == body["subject_commitment"], "the commitment does not open")
    dead = _dead_epochs(stage, body["key_destruction"])
    died = f"{dead} epoch key{'s' * (dead != 1)} destroyed, in no file any more"
    return [
        f"verified offline: assurance {facts['assurance']}, {facts['proofs']} proofs; with a changed count: refused",
        f"{died}; search index: {body['index_assurance']} (not re-keyed yet)",
    ]


def _dead_epochs(stage: Stage, destroyed: list[Body]) -> int:
    """How many epoch keys the certificate says are destroyed; `Broken` if one of them still lies in the key file."""
    expect(bool(destroyed), "the certificate names no destroyed key")
    file = stage.house.data.resolve() / "keys" / "kms" / f"{stage.first.tenant_id}.epochs"
    shards = json.loads(json.loads(file.read_text(encoding="ascii"))["shards"])
    for each in destroyed:
        live = shards[str(each["shard"])]["live"]
        expect(str(each["new_epoch"]) in live, "the new epoch key is missing")
        expect(str(each["old_epoch"]) not in live, "a destroyed epoch key is still there")
    return len(destroyed)


def log(stage: Stage) -> Lines:
    """The log holds offline: its head, one act in it, and that it only grew since the demo began."""
    seen = stage.from_act("log")
    jobs: list[tuple[str, str, Callable[[Body], None], tuple[str, ...]]] = [
        ("inclusion", "rollback.json", _other_leaf, ()),
        ("consistency", "consistency.json", _other_hash, ("--old", str(place(stage, "before.checkpoint")))),
    ]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda job: _verified(stage, job[0], job[1], job[2], *job[3]), jobs))
        _checkpoint(stage)
    return [
        f"{seen['new']} acts in the first company's signed log, reads included; from act {seen['old']} on it only grew",
        "verified offline: the checkpoint, the rollback's place in it, the growth; each changed by a little: refused",
    ]


def _checkpoint(stage: Stage) -> None:
    """The head is signed as it stands, and not with another size."""
    expect(_verify(stage, "checkpoint", "checkpoint")[0] == VERIFIED, "the checkpoint is refused")
    origin, size, rest = place(stage, "checkpoint").read_text(encoding="utf-8").split("\n", 2)
    place(stage, "spoilt-checkpoint").write_text(f"{origin}\n{int(size) + 1}\n{rest}", encoding="utf-8")
    expect(_verify(stage, "checkpoint", "spoilt-checkpoint")[0] == REFUSED, "a changed checkpoint is not refused")


def _verified(stage: Stage, what: str, name: str, spoil: Callable[[Body], None], *more: str) -> Body:
    """What the verifier found in a file; `Broken` if it refuses it, or accepts it spoilt."""
    code, found = _verify(stage, what, name, *more)
    expect(code == VERIFIED, f"memwrit verify {what} says: {found}")
    spoilt = copy.deepcopy(json.loads(place(stage, name).read_text(encoding="utf-8")))
    spoil(spoilt)
    _save(stage, f"spoilt-{name}", spoilt)
    code, words = _verify(stage, what, f"spoilt-{name}", *more)
    expect(code == REFUSED, f"memwrit verify {what} does not refuse a changed file: {words}")
    return found


def _verify(stage: Stage, what: str, name: str, *more: str) -> tuple[int, Body]:
    """The verifier's exit code, and what it says."""
    done = memwrit("verify", what, str(place(stage, name)), "--key", str(place(stage, "keys.json")), "--json", *more)
    try:
        return done.returncode, json.loads(done.stdout)
    except ValueError:
        return done.returncode, {"verdict": done.stderr.strip()[-200:]}


def _other_count(file: Body) -> None:
    file["certificate"]["counts"]["records"] += 1


def _other_leaf(file: Body) -> None:
    entry = bytearray(base64.b64decode(file["entry"]))
    entry[len(entry) // 2] ^= 1
    file["entry"] = base64.b64encode(entry).decode()


def _other_hash(file: Body) -> None:
    """One bit of the proof's first hash; a log that did not grow has none, and then its size is changed."""
    if not file["hashes"]:
        file["from"] += 1
        return
    changed = bytearray(base64.b64decode(file["hashes"][0]))
    changed[0] ^= 1
    file["hashes"][0] = base64.b64encode(changed).decode()
