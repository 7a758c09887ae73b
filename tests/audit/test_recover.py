"""A log whose database was put back goes on only where an operator says so, and then visibly as another one."""

import json
from argparse import Namespace

import pytest

from audit import generations
from audit.acts import Act
from audit.models import Entry, Head
from audit.origin import own_checkpoint
from audit.pin import pins
from audit.sequencer import round as rounds
from audit.services import sequence
from audit.services.recover import behind, recover
from foundation.kernel.problems import InProgress, Integrity
from foundation.kernel.scope import tenant_scope, tenant_transaction
from tests.audit.build import admit, reason
from tests.audit.test_sequence import lanes_afresh

pytestmark = pytest.mark.usefixtures("ledger")
TABLES = ("entry", "tile", "head", "lane", "manifestnode", "detail")


@pytest.fixture
def put_back(tenant, tamper):
    """The tenant's log, which had two entries, as it stood at the first."""
    admit()
    sequence.drain()
    for name in TABLES:
        tamper(f"CREATE TEMP TABLE old_{name} AS SELECT * FROM audit_{name} WHERE tenant_id = %s", tenant)
    lanes_afresh()
    admit()
    sequence.drain()
    for name in TABLES:
        tamper(f"DELETE FROM audit_{name} WHERE tenant_id = %s", tenant)
        tamper(f"INSERT INTO audit_{name} SELECT * FROM old_{name}")
    lanes_afresh()
    sequence._sequencer.resign()


def acts(tenant):
    with tenant_scope(tenant), tenant_transaction():
        return list(Entry.objects.order_by("index").values_list("act", flat=True))


def test_a_log_that_was_put_back_goes_on_under_a_new_origin(tenant, put_back, superuser):
    assert behind(tenant)
    admit()
    sequence.drain()
    assert reason(tenant, superuser) == "pin", "the control: nothing goes on by itself"
    sequence._sequencer.resign()
    done = recover(tenant)
    assert (done.generation, done.size, done.abandoned) == (2, 1, 1)
    admit()
    sequence.drain()
    assert reason(tenant, superuser) is None
    assert not behind(tenant)
    assert acts(tenant)[-2:] == [Act.LOG_RECOVER, Act.MEMORY_ADMIT]
    with tenant_transaction():
        checkpoint = own_checkpoint(Head.objects.get().note, tenant)
    assert checkpoint.origin == f"memwrit/{tenant}/2"
    assert pins().read(tenant).size == checkpoint.size


def test_the_old_pin_stays_as_evidence(tenant, put_back):
    recover(tenant)
    kept = (pins().folder / f"{tenant}.1").read_text()
    assert own_checkpoint(kept, tenant, 1).size == 2


def test_a_recovery_cut_off_before_its_commit_is_made_good_by_another(tenant, put_back, monkeypatch, superuser):
    monkeypatch.setattr("audit.sequencer.rows.Rows.set_heads", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        recover(tenant)
    monkeypatch.undo()
    assert behind(tenant), "the pin says the new generation, the head the old one"
    assert recover(tenant).generation == 3
    admit()
    sequence.drain()
    assert reason(tenant, superuser) is None


def test_nothing_is_begun_over_a_log_that_nobody_signed(tenant, put_back, tamper):
    tamper("UPDATE audit_head SET note = replace(note, E'\n1\n', E'\n2\n') WHERE tenant_id = %s", tenant)
    with pytest.raises(Integrity, match="not signed"):
        recover(tenant)
    assert generations.current(tenant) == 1


def test_nothing_is_begun_over_a_tree_that_does_not_hash(tenant, put_back, tamper):
    tamper("UPDATE audit_tile SET hashes = set_byte(hashes, 0, 255 - get_byte(hashes, 0)) WHERE tenant_id = %s", tenant)
    with pytest.raises(Integrity, match="does not hash"):
        recover(tenant)


def test_while_a_sequencer_leads_nothing_is_recovered(tenant, put_back):
    other = rounds.Sequencer()
    other.round()
    with pytest.raises(InProgress):
        recover(tenant)
    other.resign()


def test_a_generation_that_is_no_number_stops_its_tenant_and_no_other(tenant, other_tenant, superuser):
    for one in (tenant, other_tenant):
        with tenant_scope(one):
            admit()
    path = pins().folder / f"{tenant}.generation"
    try:
        path.write_text("two")
        generations._seen.clear()
        with pytest.raises(Integrity):
            generations.current(tenant)
        sequence.drain()
    finally:
        path.unlink()  # the pins are every test's
        generations._seen.clear()
    assert (reason(tenant, superuser), reason(other_tenant, superuser)) == ("pin", None)


def test_the_command_tells_what_was_begun_and_what_was_abandoned(tenant, put_back, capsys):
    from memwrit.commands.recover import run

    assert run(Namespace(tenant=str(tenant), json=True)) == 0
    assert json.loads(capsys.readouterr().out) == {
        "tenant": str(tenant),
        "generation": "2",
        "entries": "1",
        "abandoned": "1",
    }
