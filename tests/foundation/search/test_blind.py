import numpy as np
import pytest

from foundation.search import blind

KEY, OTHER = b"k" * 32, b"o" * 32


def some_vectors(count=20, dim=384):
    rows = np.random.default_rng(1).standard_normal((count, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_a_rotation_keeps_every_inner_product():
    vectors = some_vectors()
    rotated = blind.rotate(vectors, KEY)
    assert np.allclose(rotated @ rotated.T, vectors @ vectors.T, atol=1e-5)


def test_a_rotated_vector_says_nothing_about_the_plain_one_nor_about_another_keys():
    vectors = some_vectors()
    ours, theirs = blind.rotate(vectors, KEY), blind.rotate(vectors, OTHER)
    assert abs(np.sum(ours * vectors, axis=1)).max() < 0.3
    assert abs(np.sum(ours * theirs, axis=1)).max() < 0.3
    assert np.sum(ours * blind.rotate(vectors, KEY), axis=1).min() > 0.999  # the control: one key agrees with itself


def test_the_rotation_is_orthogonal_and_the_same_in_every_process():
    matrix = blind.rotation(KEY, 8)
    assert np.allclose(matrix @ matrix.T, np.eye(8), atol=1e-6)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blind, "_rotations", type(blind._rotations)())
        assert np.array_equal(matrix, blind.rotation(KEY, 8))
    assert np.allclose(matrix[0, :3], (-0.6032857, 0.32904384, -0.10011774), atol=1e-6)  # written down once


def test_an_unused_rotation_leaves_memory(monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr(blind.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(blind, "_rotations", type(blind._rotations)())
    blind.rotation(KEY, 4)
    clock[0] += blind.IDLE_SECONDS - 1
    blind.rotation(OTHER, 4)
    assert len(blind._rotations) == 2
    clock[0] += 2
    blind.rotation(OTHER, 4)
    assert len(blind._rotations) == 1


def test_keyed_names_differ_by_kind_and_by_key():
    names = {blind.keyed(key, kind, "s-17") for key in (KEY, OTHER) for kind in ("session", "subject")}
    assert len(names) == 4
    assert all(len(name) == 16 for name in names)


def test_no_vectors_rotate_to_no_vectors():
    assert blind.rotate(np.zeros((0, 384), dtype=np.float32), KEY).shape == (0, 384)
