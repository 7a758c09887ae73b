"""The stage of one run: the server, both companies with their credentials, and what each act leaves for the next."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from memwrit.demo.client import Broken, Client, Line
from memwrit.demo.house import House
from memwrit.demo.report import Bar
from memwrit.demo.story import Body, Company, Memory, Story


@dataclass(slots=True)
class Tenant:
    """One company on the server. `kept` are its memories as they were answered, by their key in the story."""

    company: Company
    tenant_id: str
    space: str
    admin: Client
    agent: Client
    compliance: Client
    auditor: Client
    kept: dict[str, Body] = field(default_factory=dict)

    def memory(self, key: str) -> Body:
        """A memory as it was admitted; raises `Broken` where it was not."""
        found = self.kept.get(key)
        if found is None:
            raise Broken(f"the memory “{key}” was not admitted")
        return found

    @property
    def ids(self) -> dict[str, str]:
        return {key: memory["id"] for key, memory in self.kept.items()}

    def told(self, key: str) -> Memory:
        """The memory as the story tells it."""
        return next(memory for memory in self.company.memories if memory.key == key)


@dataclass(slots=True)
class Stage:
    """What acts share. `folder` holds the data directory, the evidence and the copy."""

    story: Story
    folder: Path
    house: House
    bar: Bar
    tenants: tuple[Tenant, Tenant] = ()  # type: ignore[assignment]
    seconds: dict[str, float] = field(default_factory=dict)
    left: dict[str, Body] = field(default_factory=dict)

    @property
    def first(self) -> Tenant:
        return self.tenants[0]

    @property
    def other(self) -> Tenant:
        return self.tenants[1]

    def from_act(self, name: str) -> Body:
        """What an earlier act left behind; raises `Broken` where it did not get so far."""
        if name not in self.left:
            raise Broken(f"“{name}” did not get so far")
        return self.left[name]

    @contextmanager
    def timed(self, what: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.seconds[what] = time.monotonic() - began


def open_up(stage: Stage) -> None:
    """Start the server, and make both companies with their keys and spaces; raises `Broken`."""
    stage.bar.say("starting PostgreSQL, the web server, the worker")
    with stage.timed("start"):
        line = Line(stage.house.start())
    stage.bar.step(8)
    stage.bar.say("two companies, their spaces and keys")
    first, other = stage.story.companies
    made = _create(stage.house, first, other)
    stage.tenants = (_equip(line, first, made[0]), _equip(line, other, made[1]))
    stage.bar.step(4)


def _create(house: House, *companies: Company) -> list[Body]:
    done = house.memwrit("tenant", "create", *(company.name for company in companies), "--json")
    if done.returncode:
        raise Broken(f"no tenant was made: {done.stderr.strip()[-200:]}")
    return [json.loads(made) for made in done.stdout.splitlines()]


def _equip(line: Line, company: Company, made: Body) -> Tenant:
    admin = Client(line, made["api_key"])
    space = admin.post("/v1/spaces", {"name": "customers"}).must(201).body["id"]
    agent, compliance, auditor = (_key(admin, role, space) for role in ("agent", "compliance", "auditor"))
    return Tenant(company, made["tenant_id"], space, admin, agent, compliance, auditor)


def _key(admin: Client, role: str, space: str) -> Client:
    body = {"role": role, "name": f"demo-{role}", "spaces": [space] if role == "agent" else []}
    return Client(admin.line, admin.post("/v1/api_keys", body).must(201).body["api_key"])
