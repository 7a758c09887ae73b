"""Signed notes, checkpoints and proofs, against the specifications' own examples and by properties."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from audit.notes import Checkpoint, NoteError, Proof, Signer, Verifier, b64, open_checkpoint, open_note, unb64

# Published with golang.org/x/mod/sumdb/note, whose format C2SP's signed-note is.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
NOTE = (
    TEXT
    + "\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


def signer(name="example.com/log"):
    return Signer(name, Ed25519PrivateKey.from_private_bytes(bytes(range(32))))


def test_the_published_example_note_opens_under_its_published_key():
    assert open_note(NOTE, [Verifier.parse(PETER)]) == TEXT
    assert Verifier.parse(PETER).vkey == PETER


@pytest.mark.parametrize(
    "note",
    [
        NOTE.replace("problem is", "problem was"),
        NOTE.replace("x08go", "x08gp"),
        NOTE.replace("— ", "- "),
        NOTE[:-1],
        NOTE.replace("\n\n", "\n"),
        NOTE.replace("PeterNeumann", "EnochRoot"),
        TEXT,
        "",
    ],
)
def test_a_changed_or_malformed_note_is_refused(note):
    with pytest.raises(NoteError):
        open_note(note, [Verifier.parse(PETER)])


def test_unknown_signatures_are_ignored_and_a_false_one_of_a_known_key_is_not():
    ours = signer()
    note = ours.sign("text\n")
    stranger = Signer("stranger", Ed25519PrivateKey.generate())
    both = note + stranger.sign("text\n").rpartition("\n\n")[2]
    assert open_note(both, [ours.verifier]) == open_note(both, [stranger.verifier]) == "text\n"
    false = note + stranger.sign("other\n").rpartition("\n\n")[2]
    with pytest.raises(NoteError):
        open_note(false, [ours.verifier, stranger.verifier])
    with pytest.raises(NoteError):
        open_note(note, [])


@pytest.mark.parametrize(
    "vkey", [PETER.replace("c74f", "c74e"), PETER[:-4], "a+b", "", PETER.replace("+ARpc", "+Arpc")]
)
def test_a_verifier_key_that_does_not_fit_itself_is_refused(vkey):
    with pytest.raises(NoteError):
        Verifier.parse(vkey)


@given(st.integers(0, 2**60), st.binary(min_size=32, max_size=32))
def test_checkpoints_survive_signing(size, root):
    ours, checkpoint = signer(), Checkpoint("memwrit/x", size, root, {"manifest": b64(root), "at": "7"})
    assert open_checkpoint(ours.sign(checkpoint.text()), [ours.verifier], "memwrit/x") == checkpoint
    with pytest.raises(NoteError):
        open_checkpoint(ours.sign(checkpoint.text()), [ours.verifier], "memwrit/y")


@pytest.mark.parametrize(
    "text",
    [
        "o\n01\n{}\n",
        "o\n-1\n{}\n",
        "o\n1\nAAAA\n",
        "o\n1\n{}\n\n",
        "\n1\n{}\n",
        "o\n1\n",
        "o\n1\n{}",
        "o\n1\n{}\na 1\na 2\n",
        "o\n\uff11\n{}\n",
    ],
)
def test_anything_but_the_checkpoints_form_is_refused(text):
    with pytest.raises(NoteError):
        Checkpoint.parse(text.format(b64(bytes(32))))


@given(
    st.integers(0, 2**40), st.lists(st.binary(min_size=32, max_size=32), max_size=5), st.none() | st.binary(max_size=80)
)
def test_tlog_proofs_survive_their_text(index, hashes, extra):
    note = signer().sign("o\n1\n" + b64(bytes(32)) + "\n")
    proof = Proof(index, tuple(hashes), note, extra)
    assert Proof.parse(proof.text()) == proof


@given(st.text(max_size=60))
def test_whatever_is_not_a_proof_is_refused_and_never_crashes(text):
    for read in (Proof.parse, Checkpoint.parse, Verifier.parse, lambda one: open_note(one, [signer().verifier])):
        with pytest.raises(NoteError):
            read(text)


def test_base64_has_one_form():
    assert unb64("AA==") == b"\0"
    for bad in ("AB==", "AA=", "AA", "A A=", "AA==\n"):
        with pytest.raises(NoteError):
            unb64(bad)
