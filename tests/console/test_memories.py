"""The memory explorer: who sees what, how it stood, and what can be done about a record."""

from __future__ import annotations

from datetime import timedelta

import pytest

from audit import selectors as ledger
from audit.acts import Act
from foundation.kernel import clock
from foundation.kernel.clock import now, rfc3339
from foundation.kernel.ids import uuid7
from foundation.kernel.principal import Role
from foundation.kernel.scope import tenant_transaction
from governance.models import MemCube
from governance.services.place_hold import place_hold
from governance.services.revise import Revision, revise
from governance.services.search import Question, search
from governance.services.spaces import create_space
from tenants.services.create_key import create_key
from tests.builders import principal as made_principal
from tests.console.house import House
from tests.console.visiting import Visitor, text
from tests.console.watching import CANARY, require_accessible

KETTLE = "The red kettle stands on the stove."


@pytest.fixture
def officer(house):
    return Visitor(house, "compliance")


def changed(house, shown, content, **fields):
    """The memory with a new text, by an administrator."""
    with house.scope():
        match = f'"v{shown.memory.cube.version}-{shown.memory.cube.rev}"'
        admin = made_principal(house.tenant_id)
        made = revise(
            admin, memory_id=shown.memory.cube.id, revision=Revision(match, {"content": content} | fields, None)
        )
    house.drain()
    return made


def record(shown, tail=""):
    return f"memories/{shown.memory.cube.id}{tail}"


def cube_of(house, shown):
    with house.scope(), tenant_transaction():
        return MemCube.objects.get(id=shown.memory.cube.id)


# Lists and searches.


def test_the_newest_memories_are_listed_first(house, officer):
    house.memory("The first kettle.")
    house.memory("The second kettle.")
    seen = text(officer.get("memories"))
    assert seen.index("The second kettle.") < seen.index("The first kettle.")


def test_an_empty_store_says_so(officer):
    assert "No memory is like this." in text(officer.get("memories"))


def test_a_question_finds_by_post_alone(house, officer):
    house.memory(KETTLE)
    seen = text(officer.post("memories/search", query="red kettle"))
    assert "1 found" in seen
    assert KETTLE in seen
    assert officer.get("memories/search").status_code == 405


def test_lists_are_narrowed(house, officer):
    house.memory("A fact.", kind="semantic", labels=("team:blue",), subjects=("crm:1",))
    house.memory("An event.")
    for asked in ({"kind": "semantic"}, {"labels": "team:blue"}, {"subject": "crm:1"}):
        seen = text(officer.post("memories/search", **asked))
        assert ("A fact." in seen, "An event." in seen) == (True, False), asked
    assert "No memory is like this." in text(officer.post("memories/search", subject="crm:nobody"))
    assert "No memory is like this." in text(officer.post("memories/search", state="restricted"))
    assert "An event." in text(officer.post("memories/search", space=str(house.space.id)))


def test_a_search_is_narrowed(house, officer):
    house.memory("The red kettle is a fact.", kind="semantic")
    house.memory("The red kettle happened.")
    seen = text(officer.post("memories/search", query="red kettle", kind="semantic"))
    assert "1 found" in seen
    assert "Nothing answers this." in text(officer.post("memories/search", query="kettle", subject="crm:nobody"))


def test_nonsense_in_the_form_is_said_where_it_stands(officer):
    response = officer.post("memories/search", query="kettle", space=str(uuid7()), as_of="yesterday")
    assert response.status_code == 422
    assert "Not a moment." in text(response)


def test_older_memories_are_a_page_further(house, officer, monkeypatch):
    from governance import explorer

    monkeypatch.setattr(explorer.Wanted.__init__, "__defaults__", (*explorer.Wanted.__init__.__defaults__[:-1], 1))
    house.memory("The first kettle.")
    newest = house.memory("The second kettle.")
    assert "The first kettle." not in text(officer.get("memories"))
    further = text(officer.post("memories/search", before=str(newest.memory.cube.id)))
    assert "The first kettle." in further
    assert "The second kettle." not in further


def test_the_past_is_searched(house, officer):
    shown = house.memory("The kettle is red.")
    then = now()
    changed(house, shown, "The kettle is blue.")
    seen = text(officer.post("memories/search", query="kettle", known_at=rfc3339(then)))
    assert "The kettle is red." in seen
    assert "The kettle is blue." not in seen
    listed = text(officer.post("memories/search", known_at=rfc3339(then)))
    assert "The kettle is red." in listed


# Through another's eyes.


def test_an_officer_sees_what_an_agent_would_see_and_not_its_values(house, officer):
    with house.scope():
        admin = made_principal(house.tenant_id)
        other = create_space(admin, name="elsewhere")
        create_key(admin, role=Role.AGENT, name="support-bot", spaces=[house.space.id])
    house.memory("{{Ana}} owns the red kettle.")
    form = text(officer.get("memories"))
    assert "support-bot (agent)" in form
    seen = text(officer.post("memories/search", query="kettle", through="0"))
    assert "as support-bot (agent) would" in seen
    assert "<PERSON_" in seen
    assert "Ana" not in seen
    assert "Instead of 1 of the tokens they would read the value." in seen
    empty = officer.post("memories/search", query="kettle", through="any-reader", space=str(other.id))
    assert "Nothing answers this." in text(empty)


def test_a_look_through_anothers_eyes_is_on_the_lookers_name(house, officer):
    house.memory(KETTLE)
    officer.post("memories/search", query="kettle", through="any-agent", space=str(house.space.id))
    house.drain()
    with house.scope(), tenant_transaction():
        actor = house.principal("compliance").id
        found = ledger.events(ledger.Filter(act=Act.MEMORY_SEARCH, actor=actor), before=None, limit=10)
    assert sorted(each.event.outcome for each in found) == ["as", "ok"]


def test_eyes_without_a_space_or_a_question_are_refused_in_the_form(officer):
    assert "Choose a space." in text(officer.post("memories/search", query="kettle", through="any-agent"))
    assert "Ask something" in text(officer.post("memories/search", through="any-agent"))


def test_a_reader_is_offered_no_eyes_but_his_own(house):
    house.memory(KETTLE)
    reader = Visitor(house, "reader")
    assert "Seen as" not in text(reader.get("memories"))
    response = reader.post("memories/search", query="kettle", through="any-agent", space=str(house.space.id))
    assert "would" not in text(response)
    assert KETTLE in text(response)


# One record.


def test_a_record_shows_its_header_text_and_decision(house, officer):
    shown = house.memory("{{Ana}} owns the red kettle.", source="chat:7", labels=("team:blue",))
    seen = text(officer.get(record(shown)))
    for words in ("<PERSON_", "chat:7", "team:blue", "support", "active", "The decision: admit"):
        assert words in seen
    assert "Ana" not in seen


def test_an_agent_is_shown_the_values_the_policy_gives_it(house):
    shown = house.memory("{{Ana}} owns the red kettle.")
    assert "Ana" in text(Visitor(house, "agent").get(record(shown)))


def test_a_record_names_the_holds_on_it_to_who_may_read_holds(house, officer):
    shown = house.memory(KETTLE)
    with house.scope():
        place_hold(house.principal("compliance"), name="Case 12", basis="litigation", ids=[shown.memory.cube.id])
    assert "Under the legal hold “Case 12”" in text(officer.get(record(shown)))
    assert "Case 12" not in text(Visitor(house, "reader").get(record(shown)))


def test_a_record_is_shown_as_it_stood(house, officer):
    shown = house.memory("The kettle is red.")
    then = now()
    with clock.frozen(now() + timedelta(minutes=1)):
        changed(house, shown, "The kettle is blue.")
    seen = text(officer.get(record(shown), known_at=rfc3339(then)))
    assert "The kettle is red." in seen
    assert "This is how it stood" in seen


def test_versions_stand_side_by_side_word_by_word(house, officer):
    shown = house.memory("The kettle is red today.")
    changed(house, shown, "The kettle is blue today.")
    response = officer.get(record(shown, "/versions"))
    assert b"<del>red</del>" in response.content
    assert b"<ins>blue</ins>" in response.content
    assert "2" in text(response)
    assert "Nothing differs." in text(officer.get(record(shown, "/versions"), **{"from": "1", "to": "1"}))


def test_one_version_is_compared_with_nothing(house, officer):
    assert "nothing to compare it with" in text(officer.get(record(house.memory(KETTLE), "/versions")))


def test_lineage_is_drawn_and_tabled(house, officer):
    parent = house.memory(KETTLE)
    child = house.memory("Somebody has a kettle.", source_type="derived", parents=((parent.memory.cube.id, 1),))
    response = officer.get(record(child, "/lineage"))
    assert b'<svg class="lineage"' in response.content
    assert f"/console/memories/{parent.memory.cube.id}".encode() in response.content
    assert "Derived from 1 versions of other records" in text(response)
    assert "It stands alone." in text(officer.get(record(house.memory("Alone."), "/lineage")))


def test_history_tells_every_act(house, officer):
    shown = house.memory("The kettle is red.")
    changed(house, shown, "The kettle is blue.")
    seen = text(officer.get(record(shown, "/history")))
    assert "memory.admit" in seen
    assert "memory.revise" in seen


def test_readers_are_named(house, officer):
    shown = house.memory(KETTLE)
    assert "No search has handed it out." in text(officer.get(record(shown, "/readers")))
    with house.scope():
        search(house.principal("reader"), question=Question("red kettle"))
    assert "reader person" in text(officer.get(record(shown, "/readers")))
    assert Visitor(house, "reader").get(record(shown, "/readers")).status_code == 403


# What can be done.


def test_a_rollback_is_looked_at_before_it_is_done(house, officer):
    shown = house.memory("The kettle is red.")
    changed(house, shown, "The kettle is blue.")
    looked = officer.get(record(shown, "/rollback"), to="1")
    assert "Nothing has been changed yet." in text(looked)
    assert b"<ins>red</ins>" in looked.content
    assert cube_of(house, shown).version == 2
    match = looked.context["form"].initial["match"]
    response = officer.post(record(shown, "/rollback"), to_version="1", match=match, reason="It was red.")
    assert response.status_code == 303
    assert cube_of(house, shown).version == 3
    seen = text(officer.get(record(shown)))
    assert "The kettle is red." in seen


def test_a_rollback_decided_on_something_else_is_refused(house, officer):
    shown = house.memory("The kettle is red.")
    changed(house, shown, "The kettle is blue.")
    response = officer.post(record(shown, "/rollback"), to_version="1", match='"v1-1"', reason="It was red.")
    assert response.status_code == 412
    assert cube_of(house, shown).version == 2


def test_a_rollback_to_what_never_was_is_said_in_the_form(house, officer):
    shown = house.memory(KETTLE)
    cube = cube_of(house, shown)
    match = f'"v{cube.version}-{cube.rev}"'
    response = officer.post(record(shown, "/rollback"), to_version="9", match=match, reason="Why not.")
    assert (response.status_code, "never served" in text(response)) == (422, True)
    assert officer.post(record(shown, "/rollback"), to_version="1", match=match, reason="").status_code == 422


def test_an_administrator_withdraws_and_takes_up_again(house):
    shown, admin = house.memory(KETTLE), Visitor(house, "admin")
    match = admin.get(record(shown, "/withdraw")).context["form"].initial["match"]
    assert admin.post(record(shown, "/withdraw"), match=match).status_code == 303
    assert cube_of(house, shown).state == "withdrawn"
    seen = admin.get(record(shown))
    assert "This memory is withdrawn." in text(seen)
    assert KETTLE not in text(seen)
    response = admin.post(record(shown, "/rollback"), to_version="1", match=seen.context["match"], reason="Needed.")
    assert response.status_code == 303
    assert KETTLE in text(admin.get(record(shown)))


def test_a_withdrawn_record_is_gone_for_who_may_not_take_it_up(house):
    shown, admin = house.memory(KETTLE), Visitor(house, "admin")
    match = admin.get(record(shown, "/withdraw")).context["form"].initial["match"]
    admin.post(record(shown, "/withdraw"), match=match)
    assert Visitor(house, "reader").get(record(shown)).status_code == 410


def test_what_is_under_hold_is_not_withdrawn(house):
    shown, admin = house.memory(KETTLE), Visitor(house, "admin")
    with house.scope():
        place_hold(house.principal("compliance"), name="Case 12", basis="litigation", ids=[shown.memory.cube.id])
    match = admin.get(record(shown, "/withdraw")).context["form"].initial["match"]
    response = admin.post(record(shown, "/withdraw"), match=match)
    assert (response.status_code, "Under legal hold" in text(response)) == (409, True)


@pytest.mark.parametrize(
    ("role", "rollback", "withdraw"), [("reader", 403, 403), ("agent", 403, 200), ("compliance", 200, 403)]
)
def test_acts_are_open_to_the_roles_that_may(house, role, rollback, withdraw):
    shown, visitor = house.memory(KETTLE), Visitor(house, role)
    assert visitor.get(record(shown, "/rollback"), to="1").status_code == rollback
    assert visitor.get(record(shown, "/withdraw")).status_code == withdraw
    offered = visitor.get(record(shown)).content
    assert (b"/withdraw" in offered, b"erasure/new" in offered) == (withdraw == 200, role == "compliance")


def test_an_auditor_is_denied_everything_here(house):
    shown, auditor = house.memory(KETTLE), Visitor(house, "auditor")
    for path in (
        "memories",
        record(shown),
        record(shown, "/versions"),
        record(shown, "/lineage"),
        record(shown, "/history"),
    ):
        assert auditor.get(path).status_code == 403
    assert auditor.post("memories/search", query="kettle").status_code == 403


def test_another_tenants_record_is_not_found(house, officer):
    shown = House("Other").memory(KETTLE)
    for tail in ("", "/versions", "/lineage", "/history", "/readers", "/rollback"):
        assert officer.get(record(shown, tail)).status_code == 404


# In a browser.


def test_the_slider_moves_the_moment(house, as_role):
    house.memory(KETTLE)
    page = as_role("compliance")
    page.goto("/console/memories")
    page.locator("#slide-as-of").fill("0")
    assert page.locator("input[name=as_of]").input_value().endswith("Z")
    page.get_by_role("button", name="Look").click()
    page.get_by_role("heading", name="The newest").wait_for()
    assert page.locator("#slide-as-of").input_value() == "0"  # it came back as it was


def test_nothing_that_strangers_wrote_runs(house, as_role):
    shown = house.memory(f"{KETTLE} {CANARY}", source=f"chat {CANARY}"[:256], actor=CANARY, metadata={"note": CANARY})
    changed(house, shown, f"A blue kettle. {CANARY}")
    page = as_role("compliance")
    for path in ("memories", record(shown), record(shown, "/versions"), record(shown, "/rollback?to=1")):
        page.goto(f"/console/{path}")
        assert "onerror" in page.locator("main").inner_text()
    page.goto("/console/memories")
    page.get_by_label("Question").fill(f"kettle {CANARY}")
    page.get_by_role("button", name="Look").click()
    page.get_by_text("1 found").wait_for()
    assert "kettle" not in page.url
    assert "kettle" not in page.title()


def test_the_explorer_is_accessible(house, as_role):
    parent = house.memory(KETTLE)
    child = house.memory("Somebody has a kettle.", source_type="derived", parents=((parent.memory.cube.id, 1),))
    changed(house, child, "Somebody has two kettles.")
    page = as_role("admin")
    for tail in ("", "/versions", "/lineage", "/history", "/readers", "/rollback?to=1", "/withdraw"):
        page.goto(f"/console/{record(child, tail)}")
        require_accessible(page)
    page.goto("/console/memories")
    page.get_by_label("Question").fill("kettle")
    page.get_by_role("button", name="Look").click()
    page.get_by_text("found").first.wait_for()
    require_accessible(page)
