"""The scanner finds a planted canary in every form: a positive control for every test that hopes to find none."""

import base64
import gzip
import json
import zlib

import numpy as np
import pytest

from tests import scanner

CANARY = "Quetzalcoatlus-Zoë-7f3a91"

PLANTED = {
    "utf-8": CANARY.encode(),
    "lower-cased": CANARY.lower().encode(),
    "utf-16-le": CANARY.encode("utf-16-le"),
    "utf-16-be": CANARY.encode("utf-16-be"),
    "hex": CANARY.encode().hex().encode(),
    "upper hex": CANARY.encode().hex().upper().encode(),
    "base64, phase 0": base64.b64encode(CANARY.encode() + b"tail"),
    "base64, phase 1": base64.b64encode(b"x" + CANARY.encode() + b"tail"),
    "base64, phase 2": base64.b64encode(b"xy" + CANARY.encode() + b"tail"),
    "base64, url-safe": base64.urlsafe_b64encode(b"\xff\xfe" + CANARY.encode()),
    "json": json.dumps({"text": CANARY}).encode(),
    "cut by a page boundary": CANARY.encode()[:11] + b"\x00" * 24 + CANARY.encode()[11:],
    "zlib": zlib.compress(b"before " + CANARY.encode() + b" after"),
    "gzip": gzip.compress(b"before " + CANARY.encode() + b" after"),
}


@pytest.mark.parametrize("form", PLANTED)
def test_a_planted_canary_is_found_in_every_form(tmp_path, form):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "file").write_bytes(b"\x01noise\xff" * 50 + PLANTED[form] + b"\x02noise" * 50)
    found = scanner.scan([tmp_path], [CANARY])
    assert found
    assert {each.canary for each in found} == {CANARY}


@pytest.mark.parametrize(
    ("form", "planted"),
    [
        ("utf-16-le", CANARY.encode("utf-16-le")),
        ("utf-16-be", CANARY.encode("utf-16-be")),
        ("hex", CANARY.encode().hex().encode()),
        ("base64", base64.b64encode(b"xy" + CANARY.encode() + b"tail")),
        ("json", json.dumps(CANARY).encode()),
        ("compressed utf-8", gzip.compress(CANARY.encode(), mtime=0)),
    ],
)
def test_each_form_is_found_as_what_it_is(tmp_path, form, planted):
    """So that one form's search does not stand in for another's that is broken."""
    (tmp_path / "file").write_bytes(planted)
    assert form in {each.form for each in scanner.scan([tmp_path], [CANARY])}


def test_a_text_in_postgresqls_own_compression_is_found(tmp_path):
    """Its literals come in groups of eight behind a control byte."""
    plain = CANARY.encode()
    packed = b"".join(b"\x00" + plain[at : at + 8] for at in range(3, len(plain), 8))
    (tmp_path / "toast").write_bytes(b"\x00" + plain[:3] + packed)
    assert scanner.scan([tmp_path], [CANARY])


def test_a_canary_across_two_pieces_of_a_large_file_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(scanner, "CHUNK", 8192)
    (tmp_path / "file").write_bytes(b"." * 8187 + CANARY.encode("utf-16-le") + b"." * 9000)
    assert "utf-16-le" in {each.form for each in scanner.scan([tmp_path], [CANARY])}


def test_an_embedding_is_found_by_its_raw_bytes(tmp_path):
    vector = np.random.default_rng(7).normal(size=384)
    (tmp_path / "row").write_bytes(b"header" + vector.astype("<f2").tobytes())
    found = scanner.scan_for([tmp_path], {"embedding": scanner.float_needles(vector.tolist())})
    assert [each.form for each in found] == ["float16"]


def test_what_is_not_there_is_not_found(tmp_path):
    (tmp_path / "file").write_bytes(np.random.default_rng(1).bytes(1_000_000))
    assert scanner.scan([tmp_path], [CANARY]) == []


def test_a_short_canary_is_refused():
    with pytest.raises(ValueError, match="16"):
        scanner.needles("too short")
