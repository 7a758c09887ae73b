"""`docs/keys.md` names every key there is, and no other."""

import re
from pathlib import Path

from foundation.keyring import signing
from foundation.keyring.models import Purpose

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "keys.md").read_text()


def rows_of(heading: str) -> set[str]:
    """The first cells of the table under a heading."""
    section = PAGE.split(f"## {heading}")[1].split("\n## ")[0]
    return set(re.findall(r"^\| `([a-z-]+)` \|", section, re.MULTILINE))


def test_every_data_key_is_documented():
    assert rows_of("Data keys") == set(Purpose.values)


def test_every_service_key_is_documented():
    assert rows_of("Service keys") == {*signing.SIGNERS, *signing.MACS}
