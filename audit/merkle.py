"""The Merkle tree of RFC 9162 §2.1 as pure functions over 32-byte SHA-256 hashes.

Three kinds of function: hashing (`leaf_hash`, `node_hash`, `root`), making proofs (`inclusion_path`,
`consistency_path`, which ask a `Nodes` callable for the hashes of complete subtrees and so read tiles, not leaves), and
verifying (`verify_inclusion`, `verify_consistency`, which raise `ProofError`). Generators and verifiers share no
arithmetic: the generators are the RFC's recursion, the verifiers its bit algorithms.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable, Sequence

HASH_SIZE = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()

Nodes = Callable[[int, int], bytes]
"""(level, index) -> hash of the complete subtree over leaves [index << level, (index + 1) << level)."""


class ProofError(ValueError):
    """The proof does not show what it claims."""


def leaf_hash(entry: bytes) -> bytes:
    """MTH({d}) = SHA-256(0x00 || d)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right); both must be 32 bytes, else two splits of one string would collide."""
    if len(left) != HASH_SIZE or len(right) != HASH_SIZE:
        raise ProofError("a hash is not 32 bytes")
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """MTH of the given leaf *hashes*; the empty tree's root is SHA-256 of nothing."""
    return frontier_root(append([], 0, leaves))


# --- the frontier: the complete subtrees of a tree, largest first, one for each bit set in its size ---


def append(frontier: Sequence[bytes], size: int, leaves: Iterable[bytes]) -> list[bytes]:
    """The frontier after `leaves` are added to a tree of `size` leaves; O(1) amortised a leaf."""
    if len(frontier) != size.bit_count():
        raise ProofError("the frontier does not fit the size")
    peaks = list(frontier)
    for leaf in leaves:
        node, bits = leaf, size
        while bits & 1:
            node, bits = node_hash(peaks.pop(), node), bits >> 1
        peaks.append(node)
        size += 1
    return peaks


def frontier_root(frontier: Sequence[bytes]) -> bytes:
    """Folds the complete subtrees from the right."""
    if not frontier:
        return EMPTY_ROOT
    node = frontier[-1]
    for peak in reversed(frontier[:-1]):
        node = node_hash(peak, node)
    return node


def frontier_of(size: int, nodes: Nodes) -> list[bytes]:
    """The frontier of the first `size` leaves."""
    return [nodes(level, start >> level) for level, start in _peaks(0, size)]


# --- making proofs ---


def inclusion_path(index: int, size: int, nodes: Nodes) -> list[bytes]:
    """PATH(index, D_size): the audit path, from the leaf's sibling up."""
    if not 0 <= index < size:
        raise ProofError("the index is outside the tree")
    return [_range_hash(start, end, nodes) for start, end in _path(index, 0, size)]


def consistency_path(old: int, new: int, nodes: Nodes) -> list[bytes]:
    """PROOF(old, D_new), for 0 < old <= new; empty where the sizes are equal."""
    if not 0 < old <= new:
        raise ProofError("the sizes are not in order")
    if old == new:
        return []
    return [_range_hash(start, end, nodes) for start, end in _subproof(old, 0, new, True)]


def _split(size: int) -> int:
    """The largest power of two smaller than `size`."""
    return 1 << (size - 1).bit_length() - 1


def _path(index: int, start: int, end: int) -> list[tuple[int, int]]:
    if end - start == 1:
        return []
    middle = start + _split(end - start)
    if index < middle:
        return [*_path(index, start, middle), (middle, end)]
    return [*_path(index, middle, end), (start, middle)]


def _subproof(old: int, start: int, end: int, complete: bool) -> list[tuple[int, int]]:
    if old == end:
        return [] if complete else [(start, end)]
    middle = start + _split(end - start)
    if old <= middle:
        return [*_subproof(old, start, middle, complete), (middle, end)]
    return [*_subproof(old, middle, end, False), (start, middle)]


def _peaks(start: int, end: int) -> list[tuple[int, int]]:
    """(level, start) of the complete subtrees that make up [start, end), where `start` is aligned to all of them."""
    peaks = []
    while start < end:
        level = (end - start).bit_length() - 1
        peaks.append((level, start))
        start += 1 << level
    return peaks


def _range_hash(start: int, end: int, nodes: Nodes) -> bytes:
    return frontier_root([nodes(level, first >> level) for level, first in _peaks(start, end)])


# --- verifying proofs ---


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], expected_root: bytes) -> None:
    """RFC 9162 §2.1.3.2. An RFC 9162 root does not commit to its size: take `size` from the signed checkpoint."""
    if len(leaf) != HASH_SIZE:
        raise ProofError("the leaf hash is not 32 bytes")
    if not 0 <= index < size:
        raise ProofError("the index is outside the tree")
    node, fn, sn = leaf, index, size - 1
    for sibling in path:
        if sn == 0:
            raise ProofError("the proof is too long")
        if fn & 1 or fn == sn:
            node = node_hash(sibling, node)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            node = node_hash(node, sibling)
        fn, sn = fn >> 1, sn >> 1
    if sn:
        raise ProofError("the proof is too short")
    _same(node, expected_root)


def verify_consistency(old: int, new: int, path: Sequence[bytes], old_root: bytes, new_root: bytes) -> None:
    """RFC 9162 §2.1.4.2; refuses an old size of zero, with which every tree is consistent."""
    if not 0 < old <= new:
        raise ProofError("the sizes are not in order")
    if old == new:
        if path:
            raise ProofError("the proof is too long")
        _same(old_root, new_root)
        return
    first, second = _fold_consistency(old, new, path, old_root)
    _same(first, old_root)
    _same(second, new_root)


def _fold_consistency(old: int, new: int, path: Sequence[bytes], old_root: bytes) -> tuple[bytes, bytes]:
    hashes = [old_root, *path] if old & (old - 1) == 0 else list(path)
    if not path or not hashes:
        raise ProofError("the proof is too short")
    fn, sn = old - 1, new - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    first = second = hashes[0]
    for sibling in hashes[1:]:
        if sn == 0:
            raise ProofError("the proof is too long")
        if fn & 1 or fn == sn:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            second = node_hash(second, sibling)
        fn, sn = fn >> 1, sn >> 1
    if sn:
        raise ProofError("the proof is too short")
    return first, second


def _same(computed: bytes, expected: bytes) -> None:
    if not hmac.compare_digest(computed, expected):
        raise ProofError("the root is another one")
