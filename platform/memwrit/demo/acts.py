"""What the demo does over REST, one promise an act. An act returns the lines to print, or raises `Broken`."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

from memwrit.demo.client import Answer, Broken, Client, eventually
from memwrit.demo.report import shorten, visible
from memwrit.demo.stage import Stage, Tenant
from memwrit.demo.story import Attack, Body, Memory

Lines = list[str]
BATCH = 12
# Of honest memories at least so many must be admitted at once; the guard may ask a person about the rest.
ADMITTED = 0.9


def expect(held: bool, otherwise: str) -> None:
    """Raise `Broken` with what came otherwise."""
    if not held:
        raise Broken(otherwise)


# --- admit ---


def admit(stage: Stage) -> Lines:
    """Both companies' memories are taken in, in batches; each with a decision of its own."""
    counts = {201: 0, 202: 0}
    with stage.timed("admit"):
        for tenant in stage.tenants:
            for batch in _batches(tenant.company.memories):
                for status in _submit(tenant, batch):
                    counts[status] += 1
                    stage.bar.step()
    total, admitted = sum(counts.values()), counts[201]
    expect(admitted >= ADMITTED * total, f"of {total} honest memories only {admitted} were admitted")
    held = f", {counts[202]} held for review" if counts[202] else ""
    people = len({memory.subject for memory in stage.story.first.memories if memory.subject})
    took = f"{stage.seconds['admit']:.1f} s"
    return [f"{total} memories, {people} people, {_span(stage)}: {admitted} admitted{held} ({took})"]


def _batches(memories: Sequence[Memory]) -> Iterator[tuple[Memory, ...]]:
    """Each from one writer. Derived memories come last: they name the ids of those they were made from."""
    for derived, writer in product((False, True), sorted({memory.writer for memory in memories})):
        chosen = tuple(each for each in memories if (bool(each.parents), each.writer) == (derived, writer))
        yield from (chosen[start : start + BATCH] for start in range(0, len(chosen), BATCH))


def _submit(tenant: Tenant, batch: Sequence[Memory]) -> Iterator[int]:
    body = {"memories": [memory.body(tenant.space, tenant.ids) for memory in batch]}
    writer: Client = getattr(tenant, batch[0].writer)
    items = writer.post("/v1/memories:batch_create", body).must(207).body["data"]
    for memory, item in zip(batch, items, strict=True):
        problem = item.get("problem") or {}
        expect(item["status"] in (201, 202), f"{memory.key}: {item['status']} {problem.get('title')}")
        if item["status"] == 201:
            tenant.kept[memory.key] = item["memory"]
        yield item["status"]


def _span(stage: Stage) -> str:
    days = sorted(memory.day for memory in stage.story.first.memories)
    return f"{days[0]} to {days[-1]}"


# --- privacy ---


def privacy(stage: Stage) -> Lines:
    """Personal data is replaced before anything is kept: what was sent, what a person of another role reads, what the
    agent is told again, and one value behind its token, opened for a reason."""
    private, tenant = stage.story.private, stage.first
    sent = tenant.told(private.key).content
    kept = tenant.compliance.get(f"/v1/memories/{tenant.memory(private.key)['id']}").must(200).body["content"]
    leaked = [value for value in private.values if value.lower() in kept.lower()]
    expect(not leaked, f"{len(leaked)} of {len(private.values)} personal values can still be read")
    expect(all(value in sent for value in private.values), "the values were never there")
    path = f"/v1/memories/{tenant.memory(private.key)['id']}"
    told = tenant.agent.get(path).must(200).body["content"]
    expect(told == sent, "the agent is not told what it had sent")
    token = kept[kept.index("<") : kept.index(">") + 1]
    asked = {"token": token, "reason": "The customer asks for his own record."}
    opened = tenant.compliance.post(f"{path}:reveal", asked).must(200).body["value"]
    expect(opened in sent and opened not in kept, "the value behind the token is not what was sent")
    expect(tenant.agent.post(f"{path}:reveal", asked).status == 403, "an agent opened a value")
    return [
        f"sent  {shorten(sent, 96)}",
        f"kept  {shorten(kept, 130)}",
        "the agent that wrote it reads it as it was; a compliance officer reads tokens, and opened one for a reason",
    ]


# --- guard ---


def guard(stage: Stage) -> Lines:
    """What attacks is held or refused, with reasons, and is not found; a reviewer's word is given once."""
    told, held = [], []
    for attack in stage.story.attacks:
        for key in attack.against:
            found(stage.first, attack.memory.content, stage.first.memory(key)["id"])
        answer = stage.first.agent.post("/v1/memories", attack.memory.body(stage.first.space, {}))
        state, reasons = _verdict(answer)
        expect(state in attack.refusals, f"{attack.called} was {state} ({', '.join(reasons) or 'no reason'})")
        expect(bool(reasons), f"{attack.called} was {state} without a reason")
        held += [answer.location] if state == "held" else []
        told.append(f"{state:<9} {attack.called:<18} “{shorten(_said(attack), 44)}” → {', '.join(reasons[:2])}")
        stage.bar.step()
    return told + _review(stage.first, held) + _poisoned(stage)


def _poisoned(stage: Stage) -> Lines:
    """False texts without any directive: held where they contradict what is known, else never served as settled."""
    tenant, counts, settled = stage.first, {"held": 0, "rejected": 0, "admitted": 0}, 0
    admitted: dict[str, str] = {}
    for attack in stage.story.poison:
        answer = tenant.agent.post("/v1/memories", attack.memory.body(tenant.space, {}))
        state = _verdict(answer)[0]
        counts[state] += 1
        if state == "admitted":
            admitted[answer.body["id"]] = attack.asked
            found(tenant, attack.memory.content, answer.body["id"])
        stage.bar.step()
    for asked in set(admitted.values()):
        hits = _search(tenant.agent, asked, k=10).must(200).body["data"]
        settled += sum(hit["standing"] == "settled" for hit in hits if hit["id"] in admitted)
    expect(not settled, f"{settled} false texts were served as settled")
    told = ", ".join(f"{count} {state}" for state, count in counts.items())
    return [f"{len(stage.story.poison)} false texts: {told}; served as settled: none"] if stage.story.poison else []


def _verdict(answer: Answer) -> tuple[str, list[str]]:
    answer.must(201, 202, 422)
    expect(answer.status != 422 or answer.problem == "rejected", f"refused as {answer.problem}, not by the guard")
    told = answer.body["admission"]
    # Notes that say how a memory will be weighed are no reasons to refuse it.
    reasons = [code for code in told["reasons"] if code not in ("single-source", "high-impact", "thin-evidence")]
    return {201: "admitted", 202: "held", 422: "rejected"}[answer.status], reasons


def _said(attack: Attack) -> str:
    episode = attack.memory.episode or {}
    return visible(episode.get("knowledge") or attack.memory.content)


def _review(tenant: Tenant, held: list[str]) -> Lines:
    if not held:
        return []
    waiting = tenant.compliance.get("/v1/admissions?state=held").must(200).body["data"]
    expect(len(waiting) >= len(held), f"{len(held)} were held, {len(waiting)} are in the queue")
    decision = {"reason": "Seen in the demo: not ours."}
    decided = tenant.compliance.post(f"{held[0]}:reject", decision).must(200).body["state"]
    again = tenant.compliance.post(f"{held[0]}:reject", decision).must(409).problem
    return [f"a reviewer {decided} one of {len(waiting)} held; a second decision: 409 {again}"]


# --- question ---


def question(stage: Stage) -> Lines:
    """Both companies ask the same question; each is answered from its own memories."""
    asked = stage.story.question
    told = [f"“{asked.text}”"]
    for tenant, key in zip(stage.tenants, asked.answers, strict=True):
        answer = found(tenant, asked.text, tenant.memory(key)["id"] if key else "")
        strangers = _ids(answer) - set(tenant.ids.values())
        expect(not strangers, f"{tenant.company.name} was answered with {len(strangers)} memories that are not its own")
        hits = answer.body["data"]
        hit = next(each for each in hits if not key or each["id"] == tenant.memory(key)["id"])
        told.append(
            f"{tenant.company.name:<17} {shorten(hit['content'], 62)} ({hit['standing']}, score {hit['score']:.2f})"
        )
        stage.bar.step()
    return told + _quizzed(stage)


def _quizzed(stage: Stage) -> Lines:
    """How many questions found all their evidence among the first ten."""
    if not stage.story.quiz:
        return []
    tenant, right, asked = stage.first, 0, len(stage.story.quiz)
    last = next(each for each in reversed(tenant.company.memories) if each.key in tenant.kept)
    found(tenant, last.content, tenant.memory(last.key)["id"])
    for quiz in stage.story.quiz:
        ids = _ids(_search(tenant.agent, quiz.text, k=10).must(200))
        # What was held is not found, and counts against us.
        right += all(tenant.ids.get(key) in ids for key in quiz.answers)
        stage.bar.step()
    expect(right >= asked / 2, f"only {right} of {asked} questions found their evidence")
    return [f"{right} of {asked} questions found all their evidence among the first ten"]


def found(tenant: Tenant, text: str, wanted: str) -> Answer:
    """The answer to a search, as soon as it holds the wanted memory (empty: any): the index follows writes closely."""

    def holds(answer: Answer) -> bool:
        return wanted in _ids(answer) if wanted else bool(_ids(answer))

    return eventually(lambda: _search(tenant.agent, text, k=10), holds, f"“{text}”")


def _search(client: Client, text: str, subjects: Sequence[str] = (), k: int = 5) -> Answer:
    body: Body = {"query": text, "k": k, "filters": {"subjects": list(subjects)}}
    return client.post("/v1/memories:search", body).must(200, 503)


def _ids(answer: Answer) -> set[str]:
    return {hit["id"] for hit in answer.body.get("data", ())}


# --- isolation ---


def isolation(stage: Stage) -> Lines:
    """Another company's memory answers exactly as one that never was."""
    theirs = stage.first.memory(stage.story.change.key)["id"]
    stage.first.agent.get(f"/v1/memories/{theirs}").must(200)
    asked = [stage.other.admin.get(f"/v1/memories/{each}").must(404) for each in (theirs, uuid.uuid4())]
    there, nowhere = ({**answer.body, "trace_id": None} for answer in asked)
    expect(there == nowhere, "another company's id is told apart from one that never was")
    body = {"query": stage.story.question.text, "spaces": [stage.first.space]}
    stage.other.agent.post("/v1/memories:search", body).must(404)
    return ["another company's memory: 404, word for word as an id that never was; searching its space: 404"]


# --- rollback ---


def rollback(stage: Stage) -> Lines:
    """A memory is revised and rolled back; nothing of its history is lost, and the past can be asked for."""
    tenant, change = stage.first, stage.story.change
    path = f"/v1/memories/{tenant.memory(change.key)['id']}"
    before = tenant.agent.get(path).must(200)
    revised = _revise(tenant, path, before.etag, change.content)
    between = _now()
    done = tenant.compliance.post(f"{path}:rollback", {"to_version": 1, "reason": "Wrong."}, match=revised.etag)
    undone = done.must(200).body
    after = tenant.agent.get(path).must(200).body
    stage.left["rollback"] = undone
    expect(after["content"] == before.body["content"], "the rolled back text is not the first one")
    expect(revised.body["content"] != before.body["content"], "the revision changed nothing")
    versions = tenant.agent.get(f"{path}/versions").must(200).body["data"]
    known = tenant.agent.get(f"{path}?known_at={between}").must(200).body["version"]
    expect((len(versions), after["version"], known) == (3, 3, 2), f"versions {len(versions)}, known then {known}")
    return [
        f"v1  {shorten(before.body['content'], 90)}",
        f"v2  {shorten(revised.body['content'], 90)}",
        "v3  rolled back: as v1. All three stand; asked what was known before the rollback, it answers v2",
    ]


def _revise(tenant: Tenant, path: str, etag: str, content: str) -> Answer:
    """Revise; where the guard holds the new version, a reviewer approves it."""
    body = {"content": content, "reason": "The customer said so."}
    tenant.agent.patch(path, body, match='"v9-9"').must(412)
    answer = tenant.agent.patch(path, body, match=etag).must(200, 202)
    if answer.status == 202:
        held = answer.body["admission"]["id"]
        tenant.compliance.post(f"/v1/admissions/{held}:approve", {"reason": "True."}).must(200)
    return tenant.compliance.get(path).must(200)


def _now() -> str:
    """The present, with a little time on both sides, so that it falls between two changes."""
    time.sleep(0.02)
    at = time.time()
    time.sleep(0.02)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + f".{int(at % 1 * 1000):03d}Z"


# --- forget ---


def forget(stage: Stage) -> Lines:
    """A person is forgotten: planned, run, certified; their memories are gone, everybody else's stay."""
    tenant, who = stage.first, stage.story.forgetting
    doomed = _memories_of(tenant, who.subject)
    stays = tenant.memory(who.stays)["id"]
    _finds_one(tenant, who.question, doomed)
    with stage.timed("forget"):
        plan, operation = _erase(tenant, who.subject)
    done = operation["result"]
    _all_gone(tenant, doomed, who.subject, who.question)
    tenant.agent.get(f"/v1/memories/{stays}").must(200)
    request = tenant.compliance.get(f"/v1/erasure_requests/{plan['id']}").must(200).body
    expect(request["state"] == "done", f"the request ended {request['state']}")
    expect(request["assurance"] in ("A2", "A3"), f"assurance {request['assurance']}: the keys were not destroyed")
    stage.left["forget"] = {"secret": plan["request_secret"], **done, "assurance": request["assurance"]}
    counts, took = plan["counts"], f"{stage.seconds['forget']:.1f} s"
    records = f"{counts['records'] + counts['derived_sole']} memories, what was made of them included"
    return [
        f"{who.person}: {records}, in {took}",
        "reading any of them: 410 · searching: nothing of theirs · other people's: still served",
    ]


def _memories_of(tenant: Tenant, subject: str) -> set[str]:
    told = {memory.key for memory in tenant.company.memories if memory.subject == subject}
    return {memory["id"] for key, memory in tenant.kept.items() if key in told}


def _finds_one(tenant: Tenant, text: str, doomed: set[str]) -> None:
    """A search finds some of the doomed: the control without which finding none later would say nothing."""
    eventually(lambda: _search(tenant.agent, text), lambda came: bool(_ids(came) & doomed), f"“{text}”")


def _erase(tenant: Tenant, subject: str) -> tuple[Body, Body]:
    body: Body = {"subject": subject, "basis": "gdpr-17", "reason": "The customer asked for it."}
    plan = tenant.compliance.post("/v1/erasure_requests", body).must(201).body
    path = f"/v1/erasure_requests/{plan['id']}:execute"
    tenant.compliance.post(path, {"expected_manifest": f"sha256:{'0' * 64}"}).must(409, 422)
    started = tenant.compliance.post(path, {"expected_manifest": plan["manifest"]}).must(202)

    def ended(answer: Answer) -> bool:
        return answer.body.get("state") in ("done", "failed")

    def look() -> Answer:
        return tenant.compliance.get(started.location).must(200)

    operation = eventually(look, ended, "the end of the erasure").body
    expect(operation["state"] == "done", f"the erasure failed: {operation['problem']}")
    return plan, operation


def _all_gone(tenant: Tenant, doomed: set[str], subject: str, text: str) -> None:
    for each in doomed:
        answer = tenant.agent.get(f"/v1/memories/{each}")
        expect((answer.status, answer.problem) == (410, "erased"), f"a forgotten memory answers {answer.status}")
    left = _ids(_search(tenant.agent, text, k=50)) & doomed
    expect(not left, f"search still finds {len(left)} forgotten memories")
    mine = _search(tenant.agent, text, subjects=[subject], k=50).must(200).body["data"]
    expect(not mine, f"a search by the person still finds {len(mine)}")


ACTS: dict[str, Any] = {
    "admit": admit,
    "privacy": privacy,
    "guard": guard,
    "question": question,
    "isolation": isolation,
    "rollback": rollback,
    "forget": forget,
}
