"""Forgetting reaches the vault: a value dies with who owns it and with the last record that uses it, never sooner."""

import base64
import json

import psycopg
import pytest

from foundation.kernel.problems import Unavailable
from foundation.kernel.scope import tenant_transaction
from foundation.keyring import keys, rotation
from governance import forgetting, selectors
from governance.models import Certificate, ErasureItem, ErasureRequest
from governance.services.admit import admit, admit_many
from governance.services.place_hold import place_hold
from governance.services.release_hold import release_hold
from governance.services.reveal import reveal
from governance.services.review import reject
from governance.services.revise import Revision, revise
from governance.services.run_erasure import run_erasure
from governance.services.sweep_keys import sweep_keys
from guard.models import PseudonymOwner, PseudonymReveal, PseudonymUse, PseudonymValue
from guard.pii import vault
from tests.governance.builders import admitted, drain, submission
from tests.governance.test_forget import forget, planned
from tests.governance.test_reveal import content, rows, token
from tests.governance.test_shredding import steal


def value_ids():
    return [row.id for row in rows(PseudonymValue)]


def test_a_value_dies_with_the_last_record_that_uses_it(agent, officer, space):
    first = admitted(agent, space, "{{Ana}} plays.")
    second = admitted(agent, space, "{{Ana}} rests.")
    (value,) = value_ids()
    forget(officer, ids=[first.memory.cube.id])
    assert content(agent, second) == "{{Ana}} rests."
    forget(officer, ids=[second.memory.cube.id])
    assert keys.open_many([value]) == {}
    assert rows(PseudonymValue) == rows(PseudonymUse) == rows(PseudonymOwner) == []


def test_a_value_dies_with_any_subject_who_owns_it_in_every_spelling(agent, admin, officer, space):
    admitted(agent, space, "{{Ana}} plays.", subjects=("crm:1",))
    elsewhere = admitted(agent, space, "{{ANA}} rests, {{Bob}} does not.", subjects=("crm:2",))
    bystander = admitted(agent, space, "{{Bob}} sings.")
    dead = set(value_ids())
    forget(officer, subject="crm:1")
    left = set(value_ids())
    assert set(keys.open_many(dead)) == left
    assert len(left) == 1
    assert content(agent, elsewhere) == f"{token('{{Ana}}')} rests, {{{{Bob}}}} does not."
    assert content(agent, bystander) == "{{Bob}} sings."


def test_who_comes_back_begins_anew_and_old_tokens_stay_tokens(agent, officer, space):
    admitted(agent, space, "{{Ana}} plays.", subjects=("crm:1",))
    old = admitted(agent, space, "{{Ana}} rests.")
    (before,) = value_ids()
    forget(officer, subject="crm:1")
    new = admitted(agent, space, "{{Ana}} is back.", subjects=("crm:1",))
    (after,) = value_ids()
    assert before != after
    assert content(agent, new) == "{{Ana}} is back."
    assert content(agent, old) == f"{token('{{Ana}}')} rests."


def test_a_city_is_nobodys(tenant, agent, space):
    """A place name dies with the last text that names it, not with everyone who was ever there."""
    from uuid import uuid4

    from guard.pii.entities import Entity
    from guard.pii.port import Original
    from guard.pii.pseudonyms import pseudonym

    def original(entity, value):
        return Original("/content", 0, len(value), pseudonym(b"k" * 32, entity, value), value)

    holder, subject = uuid4(), uuid4()
    found = (original(Entity.LOCATION, "Paris"), original(Entity.EMAIL, "ana@example.com"))
    deposit = vault.prepare([vault.Holding(holder, (subject,), subject, found)])
    secrets = keys.create_many(deposit.new_keys)
    with tenant_transaction():
        deposit.insert(secrets)
        owned = set(PseudonymOwner.objects.values_list("value__entity", flat=True))
    assert owned == {"EMAIL"}
    vault.purge(vault.doom([holder]).ids)


def test_a_legal_hold_on_another_record_keeps_what_that_record_says(agent, admin, officer, space):
    admitted(agent, space, "{{Ana}} plays.", subjects=("crm:1",))
    kept = admitted(agent, space, "{{Ana}} owes money.", subjects=("crm:2",))
    hold = place_hold(officer, name="Case", basis="litigation", subject="crm:2")
    request = forget(officer, subject="crm:1")
    assert request.state == "partial"
    assert certificate(request)["identifiers_held"] == 1
    assert content(agent, kept) == "{{Ana}} owes money."
    release_hold(officer, hold_id=hold.hold.id, reason="Closed.")
    drain()
    with tenant_transaction():
        request = ErasureRequest.objects.get(id=request.id)
    assert (request.state, content(agent, kept)) == ("done", f"{token('{{Ana}}')} owes money.")
    assert certificate(request)["identifiers_held"] == 0


def certificate(request):
    with tenant_transaction():
        made = Certificate.objects.get(id=request.certificate_id)
    return json.loads(bytes(made.signed))["certificate"]


def test_the_certificates_evidence_covers_the_values_keys(agent, officer, space):
    """Values that were first sealed for other subjects lie in other shards."""
    admitted(agent, space, "{{Ana}} plays.", subjects=("crm:1",))
    for number in range(2, 12):
        admitted(agent, space, f"{{{{ANA{' ' * number}}}}} rests.", subjects=(f"crm:{number}",))
    with tenant_transaction(using="keyring"):
        from foundation.keyring.models import Key

        shards = set(Key.objects.filter(id__in=value_ids()).values_list("shard", flat=True))
    assert len(shards) > 1
    body = certificate(forget(officer, subject="crm:1"))
    assert shards <= {each["shard"] for each in body["key_destruction"]}
    assert body["assurance"] == "A2"
    assert "vault" in body["probe"]["stores"]


def test_a_copied_row_and_key_from_before_open_nothing(agent, officer, space, tenant, keyring_superuser, superuser):
    gone = admitted(agent, space, "{{Ana}} plays.", subjects=("crm:1",))
    shown = admitted(agent, space, "{{Ana}} rests.")
    controls = [admitted(agent, space, f"{{{{Control {n}}}}} plays.", subjects=(f"crm:c{n}",)) for n in range(24)]
    ana = _value_of(gone)
    others = [_value_of(each) for each in controls]
    loot = steal(tenant, keyring_superuser, [])
    stolen = superuser.execute("SELECT * FROM guard_pseudonymvalue WHERE id = %s", [ana]).fetchone()
    uses = superuser.execute("SELECT * FROM guard_pseudonymuse WHERE value_id = %s", [ana]).fetchall()
    assert loot.opens(tenant, ana)
    forget(officer, subject="crm:1")
    assert not loot.opens(tenant, ana)
    shard = loot.keys[ana].shard
    assert [loot.opens(tenant, each) for each in others if loot.keys[each].shard != shard].count(False) == 0
    _put(superuser, "guard_pseudonymvalue", stolen)
    for use in uses:
        _put(superuser, "guard_pseudonymuse", use)
    assert content(agent, shown) == f"{token('{{Ana}}')} rests."


def _value_of(shown):
    with tenant_transaction():
        return PseudonymUse.objects.get(holder_id=shown.memory.version.id).value_id


def _put(superuser: psycopg.Connection, table: str, row: tuple) -> None:
    superuser.execute("SET session_replication_role = replica")
    superuser.execute(f"INSERT INTO {table} VALUES ({', '.join(['%s'] * len(row))})", row)
    superuser.execute("SET session_replication_role = origin")


def test_a_row_that_was_moved_or_changed_is_refused(agent, space, superuser):
    from foundation.kernel.problems import Integrity

    shown = admitted(agent, space, "{{Ana}} plays with {{Bob}}.")
    one, other = value_ids()
    superuser.execute(
        "UPDATE guard_pseudonymvalue a SET sealed = b.sealed FROM guard_pseudonymvalue b WHERE a.id = %s AND b.id = %s",
        [one, other],
    )
    with pytest.raises(Integrity):
        content(agent, shown)


@pytest.mark.parametrize("step", ["destroy_keys", "purge", "_entomb"])
def test_an_erasure_that_was_killed_still_covers_the_values(agent, officer, space, monkeypatch, step):
    admitted(agent, space, "{{Ana}} plays.", subjects=("crm:1",))
    shown = admitted(agent, space, "{{Ana}} rests.")
    (value,) = value_ids()
    plan = planned(officer, subject="crm:1")
    whole = getattr(forgetting, step)
    monkeypatch.setattr(forgetting, step, lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run_erasure(plan.request.id, None)
    assert content(agent, shown) == f"{token('{{Ana}}')} rests."
    monkeypatch.setattr(forgetting, step, whole)
    finished = run_erasure(plan.request.id, None)
    assert (finished.state, finished.assurance, keys.open_many([value])) == ("done", "A2", {})
    assert rows(PseudonymValue) == []
    with tenant_transaction():
        assert value in ErasureItem.objects.get(request_id=plan.request.id).key_ids


def test_the_probe_sees_what_is_left_in_the_vault(agent, officer, space, monkeypatch):
    """The positive control: an erasure that spares the vault is not certified."""
    from governance.services import run_erasure as module

    admitted(agent, space, "{{Ana}} plays.", subjects=("crm:1",))
    plan = planned(officer, subject="crm:1")
    monkeypatch.setattr(vault, "doom", lambda *_, **__: vault.Doomed(()))
    with pytest.raises(module.StillThere):
        run_erasure(plan.request.id, None)
    monkeypatch.undo()


def test_a_rejected_memory_takes_its_values_with_it(agent, officer, space, monkeypatch):
    shown = held(agent, space, monkeypatch, lambda: admit(agent, submission=submission(space, "{{Ana}} plays.")))
    assert len(value_ids()) == 1
    reject(officer, admission_id=shown.admission.id, reason="Poison.")
    drain()
    assert value_ids() == []


def test_a_rejected_revision_takes_its_own_values_and_no_others(agent, officer, space, monkeypatch):
    first = admitted(agent, space, "{{Ana}} plays.")
    (kept,) = value_ids()
    change = Revision("*", {"content": "{{Ana}} plays with {{Bob}}."})
    shown = held(agent, space, monkeypatch, lambda: revise(agent, memory_id=first.memory.cube.id, revision=change))
    (gone,) = set(value_ids()) - {kept}
    reject(officer, admission_id=shown.admission.id, reason="Poison.")
    drain()
    assert (value_ids(), keys.open_many([gone])) == ([kept], {})
    assert content(agent, first) == "{{Ana}} plays."


def held(agent, space, monkeypatch, act):
    from dataclasses import replace

    from governance import judging
    from guard.types import Decision

    judge = judging.judge_case
    with monkeypatch.context() as patch:
        patch.setattr(
            judging,
            "judge_case",
            lambda *args: replace(judge(*args), decision=Decision.HOLD, reasons=("claim-conflict",)),
        )
        shown = act()
    assert shown.held
    return shown


def test_why_a_value_was_revealed_dies_with_the_record(agent, officer, space):
    shown = admitted(agent, space, "{{Ana}} plays.")
    reveal(officer, memory_id=shown.memory.cube.id, token=token("{{Ana}}"), reason="{{Ana}} asked.")
    assert len(rows(PseudonymReveal)) == 1
    forget(officer, ids=[shown.memory.cube.id])
    assert rows(PseudonymReveal) == []


def test_of_two_admissions_of_one_new_value_one_wins_and_the_others_key_is_swept(agent, space, monkeypatch):
    """The second prepares before the first has committed: both made a key, one row stands, both texts are readable."""
    prepare, first = vault.prepare, []

    def overtaken(holdings):
        deposit = prepare(holdings)
        if not first:
            first.append(None)
            first[0] = admit(agent, submission=submission(space, "{{Ana}} plays."))
        return deposit

    monkeypatch.setattr(vault, "prepare", overtaken)
    second = admit(agent, submission=submission(space, "{{Ana}} rests."))
    monkeypatch.undo()
    drain()
    (value,) = value_ids()
    assert (content(agent, first[0]), content(agent, second)) == ("{{Ana}} plays.", "{{Ana}} rests.")
    orphans = _pseudonym_keys() - {value}
    assert len(orphans) == 1
    monkeypatch.setattr(rotation.sweep, "__kwdefaults__", rotation.sweep.__kwdefaults__ | {"age": -rotation.ORPHAN_AGE})
    sweep_keys()
    assert keys.open_many([value])
    assert _pseudonym_keys() == {value}
    assert content(agent, second) == "{{Ana}} rests."


def _pseudonym_keys():
    """The values' keys: the tenant's own pseudonym key, which is confirmed, aside."""
    from uuid import uuid5

    from foundation.kernel.scope import current_tenant
    from foundation.keyring.models import Key, Purpose

    named = uuid5(current_tenant(), f"{Purpose.PSEUDONYM}/")
    with tenant_transaction(using="keyring"):
        return set(Key.objects.filter(purpose="pseudonym").exclude(id=named).values_list("id", flat=True))


def test_a_value_forgotten_while_it_was_admitted_is_asked_for_again(agent, officer, space, monkeypatch):
    shown = admitted(agent, space, "{{Ana}} plays.")
    prepare = vault.prepare

    def overtaken(holdings):
        deposit = prepare(holdings)
        forget(officer, ids=[shown.memory.cube.id])
        return deposit

    monkeypatch.setattr(vault, "prepare", overtaken)
    with pytest.raises(Unavailable):
        admit(agent, submission=submission(space, "{{Ana}} rests."))
    monkeypatch.undo()
    assert content(agent, admitted(agent, space, "{{Ana}} rests.")) == "{{Ana}} rests."


def test_one_admission_makes_its_keys_in_one_call_and_a_read_opens_them_in_one(agent, space, monkeypatch):
    made, opened = [], []
    create, open_many = keys.create_many, keys.open_many
    monkeypatch.setattr(keys, "create_many", lambda new: made.append(len(new)) or create(new))
    parts = [submission(space, f"{{{{Person {n}}}}} and {{{{Ana}}}} play.") for n in range(5)]
    shown = admit_many(agent, submissions=parts)
    assert made == [11]  # five versions, five persons, Ana
    drain()
    monkeypatch.setattr(keys, "open_many", lambda ids: opened.append(len(ids := list(ids))) or open_many(ids))
    selectors.memory(agent, memory_id=shown[0].memory.cube.id)
    assert [each for each in opened if each > 1] == [3]


def test_nothing_in_the_database_tells_a_value(agent, space, superuser):
    admitted(agent, space, "{{Zebracanary}} plays.")
    found = superuser.execute("SELECT * FROM guard_pseudonymvalue").fetchall()
    text = "".join(str(column) for row in found for column in row)
    assert b"Zebracanary" not in b"".join(column for row in found for column in row if isinstance(column, bytes))
    assert "Zebracanary" not in text
    assert base64.b64encode(b"Zebracanary").decode() not in text
