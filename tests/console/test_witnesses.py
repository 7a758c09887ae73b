"""The page of witnesses: who may see it, what it says, and what is handed out as evidence."""

from __future__ import annotations

import pytest

from audit import witnessing
from audit.models import Witnessed
from audit.notes import Proof
from audit.origin import DIRECTORY, log_verifier, origin
from foundation.kernel.scope import tenant_scope, tenant_transaction
from tests.audit.witness import Witness, serving
from tests.console.visiting import Visitor, text
from tests.console.watching import require_accessible


@pytest.fixture
def witness(house, settings):
    """A house whose log is under a directory that a witness has signed."""
    house.memory()
    house.drain()
    with serving(Witness()) as found:
        found.logs[origin(DIRECTORY)] = log_verifier().key
        settings.WITNESSES = [found.setting]
        settings.EGRESS_ALLOW = [f"witness={found.url.removesuffix('/w')}"]
        witnessing.ask_all()
        yield found


def test_an_auditor_sees_what_was_signed_and_takes_the_evidence_along(house, witness):
    auditor = Visitor(house, "auditor")
    seen = text(auditor.get("audit/witnesses"))
    assert f"{witness.name} cosigned" in seen
    note = auditor.get("audit/witnesses/0.txt")
    assert witness.name in note.content.decode()
    assert "attachment" in note["Content-Disposition"]
    proof = Proof.parse(auditor.get("audit/witnesses/0.tlog-proof").content.decode())
    assert str(house.tenant_id) in proof.extra.decode()
    assert "/console/audit/witnesses" in auditor.get("audit/log").content.decode()


@pytest.mark.parametrize("place", ["1.txt", "0.json", "9999999999999999999.txt"])
def test_evidence_that_is_not_there_is_not_found(house, witness, place):
    assert Visitor(house, "auditor").get(f"audit/witnesses/{place}").status_code == 404


@pytest.mark.parametrize("role", ["reader", "agent"])
def test_others_are_denied(house, witness, role):
    visitor = Visitor(house, role)
    for page in ("audit/witnesses", "audit/witnesses/0.txt", "audit/witnesses/0.tlog-proof"):
        assert visitor.get(page).status_code == 403


def test_nothing_of_other_tenants_is_told(house, witness):
    from tests.console.house import House

    other = House()
    seen = Visitor(other, "auditor").get("audit/witnesses").content.decode()
    assert str(house.tenant_id) not in seen
    assert "tlog-proof" not in seen.replace("tlog-proofs", "")
    assert Visitor(other, "auditor").get("audit/witnesses/0.tlog-proof").status_code == 404


def test_a_witness_that_signed_another_history_is_an_alarm_and_the_page_accessible(house, witness, as_role):
    page = as_role("auditor")
    page.goto("/console/audit/witnesses")
    require_accessible(page)
    with tenant_scope(DIRECTORY), tenant_transaction():
        Witnessed.objects.update(state=Witnessed.State.FORKED)
    page.reload()
    assert "tell your operator" in page.get_by_role("alert").inner_text()
    require_accessible(page)


def test_without_witnesses_the_page_says_what_stands_instead(house):
    assert "No witness is named" in text(Visitor(house, "compliance").get("audit/witnesses"))
