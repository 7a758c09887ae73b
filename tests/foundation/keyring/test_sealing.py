"""Sealing: what was sealed opens, and nothing else does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.kernel.problems import Integrity
from foundation.keyring.sealing import OVERHEAD, new_key, open_sealed, seal

KEY = bytes(range(32))


@given(data=st.binary(max_size=300), aad=st.binary(max_size=60))
def test_what_was_sealed_opens(data, aad):
    assert open_sealed(KEY, aad, seal(KEY, aad, data)) == data


@given(data=st.binary(max_size=60), position=st.integers(min_value=0), flip=st.integers(1, 255))
def test_any_flipped_byte_is_refused(data, position, flip):
    sealed = bytearray(seal(KEY, b"place", data))
    sealed[position % len(sealed)] ^= flip
    with pytest.raises(Integrity):
        open_sealed(KEY, b"place", bytes(sealed))


@given(one=st.binary(max_size=40), other=st.binary(max_size=40))
def test_it_opens_only_in_its_own_place(one, other):
    sealed = seal(KEY, one, b"data")
    if one == other:
        assert open_sealed(KEY, other, sealed) == b"data"
    else:
        with pytest.raises(Integrity):
            open_sealed(KEY, other, sealed)


@given(cut=st.integers(min_value=1))
def test_a_shortened_value_is_refused(cut):
    sealed = seal(KEY, b"", b"some data")
    with pytest.raises(Integrity):
        open_sealed(KEY, b"", sealed[: -(cut % len(sealed)) or None] if cut % len(sealed) else b"")


def test_another_key_does_not_open_it():
    with pytest.raises(Integrity):
        open_sealed(new_key(), b"", seal(KEY, b"", b"data"))


def test_it_is_never_sealed_alike_twice():
    assert len({seal(KEY, b"", b"data") for _ in range(200)}) == 200


def test_its_length_and_version_are_as_documented():
    sealed = seal(KEY, b"", b"data")
    assert len(sealed) == len(b"data") + OVERHEAD == 33
    assert sealed[0] == 1


def test_the_refusal_says_nothing_of_the_data():
    with pytest.raises(Integrity) as refusal:
        open_sealed(KEY, b"elsewhere", seal(KEY, b"here", b"canary"))
    assert "canary" not in repr(refusal.value)
    assert refusal.value.__cause__ is None
    assert refusal.value.__suppress_context__


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_key_of_another_length_is_a_bug(length):
    with pytest.raises(ValueError, match="32 bytes"):
        seal(bytes(length), b"", b"")
