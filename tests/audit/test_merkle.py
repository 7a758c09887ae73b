"""The tree against other people's vectors, and against itself by properties."""

import base64
import json
from collections.abc import Callable
from importlib import resources, util
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit import merkle
from audit.merkle import ProofError

PUBLIC_VECTORS = Path(__file__).parents[2] / ".." / "shared" / "data" / "merkle" / "rfc6962_vectors.json"
CORPUS = "poc_evidence_vectors"


def refused(check: Callable[..., None], *arguments: Any) -> bool:
    try:
        check(*arguments)
    except ProofError:
        return True
    return False


def leaves(count: int) -> list[bytes]:
    return [merkle.leaf_hash(b"%d" % number) for number in range(count)]


def nodes_of(hashes: list[bytes]) -> merkle.Nodes:
    """Complete subtrees by the recursive definition, apart from the frontier that the module uses."""

    def node(level: int, index: int) -> bytes:
        if level == 0:
            return hashes[index]
        return merkle.node_hash(node(level - 1, 2 * index), node(level - 1, 2 * index + 1))

    return node


def mth(hashes: list[bytes]) -> bytes:
    """RFC 9162 §2.1.1, word for word."""
    if not hashes:
        return merkle.EMPTY_ROOT
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    return merkle.node_hash(mth(hashes[:k]), mth(hashes[k:]))


def public_cases(kind: str) -> list[dict]:
    if not PUBLIC_VECTORS.exists():
        pytest.skip("rfc6962_vectors.json is not beside the checkout: the 196 public cases were not run")
    return json.loads(PUBLIC_VECTORS.read_text())[kind]


def decoded(case: dict, name: str) -> bytes:
    return base64.b64decode(case[name] or "")


def test_all_98_public_inclusion_cases_are_decided_as_published():
    cases = public_cases("inclusion")
    assert len(cases) == 98
    for case in cases:
        path = [base64.b64decode(item) for item in case["proof"] or []]
        place = case["leafIdx"], case["treeSize"]
        outcome = refused(merkle.verify_inclusion, decoded(case, "leafHash"), *place, path, decoded(case, "root"))
        assert outcome is case["wantErr"], case["case"]


def test_all_98_public_consistency_cases_are_decided_as_published():
    cases = public_cases("consistency")
    assert len(cases) == 98
    for case in cases:
        path = [base64.b64decode(item) for item in case["proof"] or []]
        sizes = case["size1"], case["size2"]
        outcome = refused(merkle.verify_consistency, *sizes, path, decoded(case, "root1"), decoded(case, "root2"))
        assert outcome is case["wantErr"], case["case"]


def corpus(kind: str) -> list[dict]:
    if util.find_spec(CORPUS) is None:
        pytest.skip("poc-evidence-vectors is not installed: its 60 Merkle cases were not run")
    folder = resources.files(CORPUS) / "corpus" / kind
    return [json.loads(item.read_text()) for item in sorted(folder.iterdir(), key=lambda item: item.name)]


def check_case(case: dict) -> None:
    path = [bytes.fromhex(item) for item in case["proof"]]
    if case["kind"] == "inclusion":
        leaf = merkle.leaf_hash(bytes.fromhex(case["record_hex"]))
        merkle.verify_inclusion(leaf, case["index"], case["tree_size"], path, bytes.fromhex(case["root"]))
    else:
        roots = bytes.fromhex(case["old_root"]), bytes.fromhex(case["new_root"])
        merkle.verify_consistency(case["old_size"], case["new_size"], path, *roots)


@pytest.mark.parametrize(("kind", "count"), [("inclusion", 37), ("consistency", 23)])
def test_every_case_of_the_evidence_corpus_is_decided_as_published(kind, count):
    cases = corpus(kind)
    assert len(cases) == count
    for case in cases:
        assert refused(check_case, case) is (case["expect"]["result"] == "reject"), case["id"]


@given(st.integers(0, 300), st.integers(0, 300))
def test_the_frontier_agrees_with_the_recursive_definition(first, more):
    hashes = leaves(first + more)
    frontier = merkle.append([], 0, hashes[:first])
    assert merkle.frontier_root(frontier) == mth(hashes[:first])
    frontier = merkle.append(frontier, first, hashes[first:])
    assert merkle.frontier_root(frontier) == mth(hashes)
    assert merkle.frontier_of(len(hashes), nodes_of(hashes)) == frontier


@given(st.integers(1, 300), st.data())
def test_every_leaf_is_proven_and_no_other_place_is(size, data):
    hashes = leaves(size)
    index, other = data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, size - 1))
    path = merkle.inclusion_path(index, size, nodes_of(hashes))
    merkle.verify_inclusion(hashes[index], index, size, path, mth(hashes))
    if other != index:
        with pytest.raises(ProofError):
            merkle.verify_inclusion(hashes[other], index, size, path, mth(hashes))
        with pytest.raises(ProofError):
            merkle.verify_inclusion(hashes[index], other, size, path, mth(hashes))


@given(st.integers(1, 300), st.integers(1, 300), st.data())
def test_an_extension_is_consistent_and_a_fork_is_not(old, new, data):
    old, new = min(old, new), max(old, new)
    hashes = leaves(new)
    path = merkle.consistency_path(old, new, nodes_of(hashes))
    merkle.verify_consistency(old, new, path, mth(hashes[:old]), mth(hashes))
    forked = list(hashes)
    forked[data.draw(st.integers(0, old - 1))] = merkle.leaf_hash(b"forked")
    with pytest.raises(ProofError):
        merkle.verify_consistency(
            old, new, merkle.consistency_path(old, new, nodes_of(forked)), mth(hashes[:old]), mth(forked)
        )


@given(st.integers(2, 200), st.data())
def test_any_flipped_bit_in_a_proof_is_refused(size, data):
    hashes = leaves(size)
    index = data.draw(st.integers(0, size - 1))
    path = merkle.inclusion_path(index, size, nodes_of(hashes))
    place, bit = data.draw(st.integers(0, len(path) - 1)), data.draw(st.integers(0, 255))
    bad = bytearray(path[place])
    bad[bit // 8] ^= 1 << bit % 8
    with pytest.raises(ProofError):
        merkle.verify_inclusion(
            hashes[index], index, size, [*path[:place], bytes(bad), *path[place + 1 :]], mth(hashes)
        )


def test_a_frontier_of_another_size_is_refused():
    with pytest.raises(ProofError):
        merkle.append(leaves(1), 3, leaves(1))
