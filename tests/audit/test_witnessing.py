"""Witnesses: another's signature over the directory of all logs, given only to a log that extends what it signed."""

from __future__ import annotations

import os
from socket import socket

import pytest
from django.core.exceptions import ImproperlyConfigured

from audit import verifier, witnessing
from audit.cosignatures import Cosigner, cosigned, with_lines
from audit.merkle import leaf_hash, verify_inclusion
from audit.models import Witnessed
from audit.notes import NoteError, Proof, open_checkpoint
from audit.origin import DIRECTORY, log_verifier, origin, own_checkpoint
from audit.pin import watch
from audit.services import sequence
from audit.witnessing import EVERY, State
from foundation.egress import EgressRefused
from foundation.kernel.clock import now
from foundation.kernel.scope import tenant_scope, tenant_transaction
from tests.audit.build import read
from tests.audit.witness import Witness, serving


@pytest.fixture
def witness(tenant, ledger, settings):
    """A witness that knows our directory, is named in the settings, and may be reached."""
    with serving(Witness()) as found:
        found.logs[origin(DIRECTORY)] = log_verifier().key
        settings.WITNESSES = [found.setting]
        settings.EGRESS_ALLOW = [f"witness={found.url.removesuffix('/w')}"]
        yield found


def grow(events=1):
    for _ in range(events):
        read()
        sequence.drain()
    watch.forget()


def ask():
    """As the worker does when the time has come again."""
    with tenant_scope(DIRECTORY), tenant_transaction():
        Witnessed.objects.update(asked_at=now() - EVERY)
    witnessing.ask_all()


def standing(tenant):
    (found,) = witnessing.standings(tenant)
    return found


def seen(witness):
    return witness.seen.get(origin(DIRECTORY), (0, b""))


def test_a_witness_signs_the_directory_and_signs_again_as_it_grows(tenant, witness):
    sizes = []
    for _ in range(3):
        grow(2)
        ask()
        sizes.append(seen(witness)[0])
        told = standing(tenant)
        assert (told.state, told.size) == (State.COSIGNED, sizes[-1])
    assert sizes == sorted(set(sizes))
    assert witness.asked == 3
    checkpoint = open_checkpoint(standing(tenant).note, [log_verifier()], origin(DIRECTORY))
    assert (checkpoint.size, checkpoint.root) == seen(witness)


def test_what_has_not_grown_is_not_asked_for_again_and_nobody_is_asked_without_a_pause(tenant, witness):
    grow()
    ask()
    grow()
    witnessing.ask_all()
    assert witness.asked == 1
    ask()
    ask()
    assert witness.asked == 2


def test_a_tenant_can_show_that_its_own_log_is_under_what_was_signed(tenant, witness):
    grow(3)
    ask()
    told = standing(tenant)
    assert told.covers == 3
    proof = Proof.parse(told.proof)
    checkpoint = open_checkpoint(proof.checkpoint, [log_verifier()])
    cosigned(proof.checkpoint, Cosigner.parse(witness.setting.partition("=")[0]))
    verify_inclusion(leaf_hash(proof.extra), proof.index, checkpoint.size, proof.hashes, checkpoint.root)
    assert own_checkpoint(proof.extra.decode(), tenant).size == 3


def test_the_offline_verifier_asks_for_the_witness_that_is_named(tenant, witness, tmp_path):
    grow()
    ask()
    place, key = tmp_path / "directory.txt", ["--key", log_verifier().vkey]
    place.write_text(standing(tenant).note)
    theirs, others = (each.setting.partition("=")[0] for each in (witness, Witness("other.example")))
    told = [verifier.main(["checkpoint", str(place), *key, *more]) for more in ([], ["--witness", theirs], ["--witness", others], ["--witness", "x"])]  # fmt: skip
    assert told == [verifier.VERIFIED, verifier.VERIFIED, verifier.REFUSED, verifier.UNKNOWN]


def test_a_log_that_was_never_under_it_is_not_said_to_be(tenant, other_tenant, witness):
    grow()
    ask()
    assert (standing(other_tenant).state, standing(other_tenant).covers) == (State.COSIGNED, None)


def test_whoever_forgot_what_was_signed_is_told_by_the_witness(tenant, witness):
    grow(2)
    ask()
    with tenant_scope(DIRECTORY), tenant_transaction():
        Witnessed.objects.all().delete()
    grow()
    ask()
    assert witness.asked == 3
    assert (standing(tenant).state, standing(tenant).size) == (State.COSIGNED, seen(witness)[0])


def test_a_log_with_another_history_is_not_signed_and_it_is_said(tenant, witness, caplog):
    grow()
    ask()
    kept = standing(tenant)
    witness.seen[origin(DIRECTORY)] = kept.size, os.urandom(32)
    grow()
    ask()
    told = standing(tenant)
    assert (told.state, told.size, told.note) == (State.FORKED, kept.size, kept.note)
    assert "does not follow" in caplog.text


def test_another_log_of_the_same_size_is_not_signed(tenant, witness):
    grow()
    ask()
    witness.seen[origin(DIRECTORY)] = standing(tenant).size, os.urandom(32)
    with tenant_scope(DIRECTORY), tenant_transaction():
        Witnessed.objects.update(state=State.UNREACHED)
    ask()
    assert standing(tenant).state == State.FORKED


def test_a_log_that_was_rolled_back_is_seen(tenant, witness):
    grow()
    ask()
    witness.seen[origin(DIRECTORY)] = standing(tenant).size + 1000, os.urandom(32)
    grow()
    ask()
    assert standing(tenant).state == State.BEHIND


def test_a_signature_of_another_key_or_of_tomorrow_is_none(tenant, witness, settings):
    grow()
    other = Witness(witness.name)
    other.url = witness.url
    settings.WITNESSES = [other.setting]
    ask()
    assert (standing(tenant).state, standing(tenant).note) == (State.UNPROVEN, "")
    settings.WITNESSES = [witness.setting]
    witness.ahead = 3600
    grow()
    ask()
    assert (standing(tenant).state, standing(tenant).note) == (State.UNPROVEN, "")


def test_a_witness_that_is_away_or_does_not_know_us_changes_nothing_of_what_it_signed(tenant, witness, settings):
    grow()
    ask()
    kept = standing(tenant)
    grow()
    witness.logs.clear()
    ask()
    told = standing(tenant)
    assert (told.state, told.size, told.note) == (State.DECLINED, kept.size, kept.note)
    with socket() as unheard:  # bound, and nobody listens
        unheard.bind(("127.0.0.1", 0))
        witness.url = f"http://127.0.0.1:{unheard.getsockname()[1]}/w"
        settings.WITNESSES = [witness.setting]
        settings.EGRESS_ALLOW = [f"witness={witness.url.removesuffix('/w')}"]
        ask()
    told = standing(tenant)
    assert (told.state, told.size, told.note) == (State.UNREACHED, kept.size, kept.note)


def test_a_kept_note_that_was_changed_is_not_shown_as_signed(tenant, witness):
    grow()
    ask()
    note = standing(tenant).note
    with tenant_scope(DIRECTORY), tenant_transaction():
        Witnessed.objects.update(note=note.rsplit("— ", 1)[0])
    assert (standing(tenant).state, standing(tenant).note) == (State.UNPROVEN, "")


def test_without_witnesses_nobody_is_asked(tenant, ledger, settings):
    settings.WITNESSES = []
    grow()
    assert witnessing.ask_all() == 0
    assert witnessing.standings(tenant) == []
    assert own_checkpoint(witnessing.directory(), DIRECTORY).size > 0


@pytest.mark.parametrize(
    "entry", ["", "witness.example", "w+00000000+AAAA=https://w.example", "a b+1+2=https://w.example"]
)
def test_a_setting_that_is_no_witness_is_refused(settings, entry):
    settings.WITNESSES = [entry]
    with pytest.raises(ImproperlyConfigured):
        witnessing.witnesses()


def test_a_witness_that_no_request_may_reach_is_refused(settings):
    witness = Witness()
    witness.url = "http://10.0.0.1/w"
    settings.WITNESSES, settings.EGRESS_ALLOW = [witness.setting], []
    with pytest.raises(EgressRefused):
        witnessing.witnesses()
    witness.url = "https://witness.example/w"
    settings.WITNESSES = [witness.setting]
    assert [each.cosigner.vkey + "=" + each.url for each in witnessing.witnesses()] == [witness.setting]


@pytest.mark.parametrize("lines", ["", "x\n", "— a b", "— a !!\n", "— a YQ==\n", "\n"])
def test_what_are_no_signature_lines_is_refused(lines):
    with pytest.raises(NoteError):
        with_lines("text\n\n— memwrit AAAAAAAAAAA=\n", lines)
