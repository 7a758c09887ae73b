"""`memwrit verify`: what it accepts, what it refuses, and when it cannot tell."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit import selectors
from audit.acts import Act
from audit.event import Target
from audit.evidence import Refused, verify_bundle
from audit.notes import Checkpoint, Signer, b64
from audit.origin import DIRECTORY, certificate_signer, log_signer, log_verifier, origin, receipt_signer
from audit.services import sequence
from audit.services.certify import certify
from audit.services.export import export
from audit.services.receipts import receipt
from audit.services.record import record
from audit.verifier import main
from foundation.kernel.canonical import canonical
from foundation.kernel.ids import uuid7
from foundation.kernel.scope import tenant_scope, tenant_transaction
from tests.audit.build import actor, admit

pytestmark = pytest.mark.usefixtures("ledger")
ROOT = Path(__file__).parents[2]


def verify(command, place, *more, key=None):
    return main([command, str(place), "--key", key or log_verifier().vkey, "--json", *map(str, more)])


def told(capsys):
    return json.loads(capsys.readouterr().out)


def proof_of(event):
    with tenant_transaction():
        return selectors.inclusion(event.id)


def saved(path, value):
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


@pytest.fixture
def event(tenant, ledger):
    admit()
    event = admit()
    admit()
    sequence.drain()
    return event


@pytest.fixture
def bundle(event, tmp_path):
    """A folder with the exported log of the tenant in scope."""
    assert export(tmp_path / "log") == 3
    return tmp_path / "log"


def stranger():
    return Signer("memwrit", Ed25519PrivateKey.generate())


def test_the_verifier_runs_without_django():
    script = "import sys, audit.verifier; sys.exit(any(name.split('.')[0] == 'django' for name in sys.modules))"
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}/platform:{ROOT}"}
    assert subprocess.run([sys.executable, "-c", script], env=env, check=False).returncode == 0


def test_a_checkpoint_is_verified_and_a_strangers_or_a_changed_one_refused(bundle, capsys):
    assert verify("checkpoint", bundle / "checkpoint") == verify("checkpoint", bundle) == 0
    assert verify("checkpoint", bundle, key=stranger().verifier.vkey) == 1
    note = (bundle / "checkpoint").read_text()
    for bad in (note.replace("\n3\n", "\n4\n"), note.replace("manifest ", "manifest A"), note[:-5], "", "x\n\n"):
        assert verify("checkpoint", saved(bundle / "bad", bad)) == 1
    assert told_reason(capsys)


def told_reason(capsys):
    return json.loads(capsys.readouterr().out.splitlines()[-1])["reason"]


def test_what_is_not_there_or_no_key_cannot_be_told(bundle, tmp_path):
    assert verify("checkpoint", tmp_path / "nothing") == 2
    assert verify("full", tmp_path) == 2
    assert verify("checkpoint", bundle, key="memwrit+00000000+AAAA") == 2
    assert verify("checkpoint", "http://127.0.0.1:9/v1/audit") == 2
    assert verify("consistency", bundle / "checkpoint") == 2
    with pytest.raises(SystemExit) as ended:
        main(["checkpoint", str(bundle)])
    assert ended.value.code == 2


def test_inclusion_is_verified_as_json_and_as_tlog_proof(event, tmp_path):
    proof = proof_of(event)
    assert verify("inclusion", saved(tmp_path / "json", proof.body())) == 0
    assert verify("inclusion", saved(tmp_path / "text", proof.proof.text())) == 0


def test_every_changed_field_of_a_proof_is_refused(event, tmp_path):
    good = proof_of(event).body()
    other = b64(bytes(32))
    for field, value in {
        "event_id": str(uuid7()),
        "entry": b64(event.entry() + b" "),
        "leaf_hash": other,
        "index": good["index"] + 1,
        "tree_size": good["tree_size"] + 1,
        "hashes": [*good["hashes"], other],
        "checkpoint": stranger().sign(good["checkpoint"].rpartition("\n\n")[0] + "\n"),
    }.items():
        assert verify("inclusion", saved(tmp_path / "bad", good | {field: value})) == 1, field
        assert verify("inclusion", saved(tmp_path / "bad", {k: v for k, v in good.items() if k != field})) == 1, field
    assert verify("inclusion", saved(tmp_path / "bad", "{")) == 1
    assert verify("inclusion", saved(tmp_path / "bad", json.dumps(good)[:-1] + ', "index": 0}')) == 1
    assert verify("inclusion", saved(tmp_path / "good", good)) == 0


def test_consistency_is_verified_against_the_older_checkpoint(event, bundle, tmp_path):
    admit()
    sequence.drain()
    with tenant_transaction():
        size, hashes, note = selectors.consistency(3)
    good = {"from": 3, "to": size, "hashes": [b64(item) for item in hashes], "checkpoint": note}
    path = saved(tmp_path / "proof", good)
    assert verify("consistency", path, "--old", bundle) == 0
    forked = log_signer().sign(Checkpoint(note.split("\n")[0], 3, os.urandom(32)).text())
    assert verify("consistency", path, "--old", saved(tmp_path / "forked", forked)) == 1
    assert verify("consistency", saved(tmp_path / "bad", good | {"hashes": []}), "--old", bundle) == 1
    assert verify("consistency", saved(tmp_path / "bad", good | {"from": 2}), "--old", bundle) == 1


# --- certificates ---


@pytest.fixture
def certificate(event, tenant):
    with tenant_transaction():
        issued = record(actor(), Act.CERTIFICATE_ISSUE, target=Target("certificate", uuid7()))
    sequence.drain()
    body = {"id": str(uuid7()), "tenant_id": str(tenant), "assurance": "A2", "events": [str(event.id), str(issued.id)]}
    return certify(body, [proof_of(event).body(), proof_of(issued).body()])


def test_a_certificate_is_verified_with_the_logs_key_or_its_own(certificate, tmp_path):
    path = saved(tmp_path / "certificate.json", certificate)
    assert verify("certificate", path) == 0
    assert verify("certificate", path, key=certificate_signer().verifier.vkey) == 0
    assert verify("certificate", path, key=stranger().verifier.vkey) == 1


def test_every_changed_part_of_a_certificate_is_refused(certificate, tmp_path):
    body = certificate["certificate"]
    bad = [certificate | {"certificate": body | {field: "x"}} for field in body]
    bad += [certificate | {"certificate": body | {"more": 1}}, certificate | {"certificate": None}]
    bad += [certificate | {field: stranger().verifier.vkey} for field in ("key", "signature", "endorsement")]
    bad += [certificate | {"signature": b64(bytes(64))}, certificate | {"endorsement": b64(bytes(64))}]
    bad += [certificate | {"proofs": proofs} for proofs in ([], certificate["proofs"][:1], [{}])]
    assert len(bad) > 10
    for number, one in enumerate(bad):
        assert verify("certificate", saved(tmp_path / "bad", one)) == 1, number


def resigned(certificate, signer, **changes):
    body = certificate["certificate"] | changes
    return certificate | {
        "certificate": body,
        "key": signer.verifier.vkey,
        "signature": b64(signer.key.sign(canonical(body))),
    }


def test_a_certificate_of_another_key_log_or_tenant_is_refused(certificate, tmp_path):
    for forged in (
        resigned(certificate, stranger()),
        resigned(certificate, receipt_signer()),
        resigned(certificate, certificate_signer(), tenant_id=str(uuid7())),
        resigned(certificate, certificate_signer(), events=[str(uuid7())]),
    ):
        assert verify("certificate", saved(tmp_path / "bad", forged)) == 1
    assert verify("certificate", saved(tmp_path / "good", resigned(certificate, certificate_signer()))) == 0


def test_a_bundle_is_verified_as_a_whole_and_an_empty_one_refused(certificate, event, tmp_path):
    whole = {"proofs": [proof_of(event).body()], "certificates": [certificate]}
    assert verify("bundle", saved(tmp_path / "bundle", whole)) == 0
    whole["proofs"][0]["index"] += 1
    assert verify("bundle", saved(tmp_path / "bundle", whole)) == 1
    with pytest.raises(Refused):
        verify_bundle({}, [log_verifier()])


# --- the whole log ---


def test_a_whole_log_is_verified_over_several_tiles(tenant, tmp_path, capsys):
    admit(300)
    admit(300)
    sequence.drain()
    export(tmp_path / "log")
    assert verify("full", tmp_path / "log") == 0
    facts = told(capsys)
    assert (facts["size"], facts["memories"], facts["tiles"]) == (600, 600, 4)


def test_the_directory_log_is_verified_too(event, tmp_path):
    with tenant_scope(DIRECTORY):
        export(tmp_path / "directory")
    assert verify("full", tmp_path / "directory") == 0


def test_any_byte_changed_in_an_exported_log_is_refused(bundle):
    files = [path for path in bundle.rglob("*") if path.is_file()]
    assert len(files) == 3
    for path in files:
        good = path.read_bytes()
        for at in range(0, len(good), max(1, len(good) // 97)):
            path.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
            assert verify("full", bundle) in (1, 2), (path, at)
        path.write_bytes(good[:-1])
        assert verify("full", bundle) in (1, 2)
        path.write_bytes(good)
    assert verify("full", bundle) == 0


@pytest.mark.parametrize("column", ["entry", "leaf_hash"])
def test_a_log_tampered_in_the_database_is_named_by_full(event, tmp_path, tamper, tenant, column):
    tamper(
        f"UPDATE audit_entry SET {column} = set_byte({column}, 9, get_byte({column}, 9) # 1) WHERE id = %s", event.id
    )
    if column == "leaf_hash":
        tamper(
            "UPDATE audit_tile SET hashes = set_byte(hashes, 9, get_byte(hashes, 9) # 1) WHERE tenant_id = %s", tenant
        )
    export(tmp_path / "log")
    assert verify("full", tmp_path / "log") == 1


def test_a_manifest_that_the_entries_do_not_amount_to_is_refused(bundle, capsys, tenant):
    note = (bundle / "checkpoint").read_text().rpartition("\n\n")[0] + "\n"
    text = Checkpoint.parse(note)
    forged = Checkpoint(text.origin, text.size, text.root, {"manifest": b64(bytes(32))})
    (bundle / "checkpoint").write_text(log_signer().sign(forged.text()))
    assert verify("full", bundle) == 1
    assert "manifest" in told(capsys)["reason"]


# --- watching ---


def test_the_watcher_accepts_growth_and_alarms_at_rollback_fork_and_silence(event, bundle, tmp_path, tenant, capsys):
    state = tmp_path / "state"
    look = ("--state", state, "--once")
    assert verify("watch", bundle, *look) == verify("watch", bundle, *look) == 0
    old = (bundle / "checkpoint").read_text()
    admit()
    sequence.drain()
    export(bundle)
    assert verify("watch", bundle, *look) == 0
    for note, word in (
        (old, "rolled back"),
        (log_signer().sign(Checkpoint(origin(tenant), 4, os.urandom(32)).text()), "forked"),
        (log_signer().sign(Checkpoint(origin(tenant), 5, os.urandom(32)).text()), "proof"),
        (log_signer().sign(Checkpoint(origin(uuid7()), 5, os.urandom(32)).text()), "another log"),
    ):
        (bundle / "checkpoint").write_text(note)
        capsys.readouterr()
        assert verify("watch", bundle, *look) in (1, 2), word
    export(bundle)
    assert verify("watch", bundle, *look, "--silence", 60) == 0
    time.sleep(0.01)
    assert verify("watch", bundle, *look, "--silence", 0.001) == 1


def test_a_receipt_is_signed_over_its_promise(event):
    made = receipt(event)
    signature = made.pop("signature")
    assert made["promise_by"].endswith("Z")
    assert made["leaf_hash"] == b64(event.leaf_hash())
    from audit.notes import NoteError, unb64

    receipt_signer().verifier.verify(canonical(made), unb64(signature))
    with pytest.raises(NoteError):
        receipt_signer().verifier.verify(canonical(made | {"origin": "memwrit/x"}), unb64(signature))
