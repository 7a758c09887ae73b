"""API keys: their form, what is stored of them, and how they fail."""

import hmac
import re
from uuid import UUID

import pytest

from foundation.kernel.problems import Unauthenticated
from tenants import credentials
from tenants.selectors import authenticated

TENANT = UUID("01a202c9-0001-7a00-8000-000000000001")


def test_a_credential_has_256_random_bits_and_reads_back():
    made = [credentials.fresh(TENANT) for _ in range(200)]
    assert len({each.secret for each in made}) == len({each.key_id for each in made}) == 200
    assert 62**43 >= 2**256
    for each in made:
        assert re.fullmatch(r"mw_[0-9a-f]{32}_[a-z2-9]{10}_[0-9A-Za-z]{43}", each.text())
        assert credentials.parse(each.text()) == each


def test_a_credential_is_never_shown_by_accident():
    made = credentials.fresh(TENANT)
    assert made.secret not in repr(made) + str(made)


@pytest.mark.parametrize("text", ["", "mw_", "mw_x_y_z", f"mw_{TENANT}_abcdefghij_{'a' * 43}", f"mw_{TENANT.hex}_abcdefghij_{'a' * 42}", f"mw_{TENANT.hex}_abcdefghij_{'a' * 43}\n"])  # fmt: skip
def test_what_is_no_credential_is_refused(text):
    with pytest.raises(Unauthenticated):
        credentials.parse(text)


def test_the_right_secret_passes_and_another_does_not():
    made = credentials.fresh(TENANT)
    credentials.require_secret(made, made.digest())
    for digest in (credentials.fresh(TENANT).digest(), None):
        with pytest.raises(Unauthenticated):
            credentials.require_secret(made, digest)


def test_an_unknown_key_is_compared_like_a_known_one(admin, monkeypatch):
    """Else the time of the answer tells which keys exist."""
    compared = []
    real = hmac.compare_digest
    monkeypatch.setattr(
        credentials.hmac, "compare_digest", lambda a, b: compared.append((len(a), len(b))) or real(a, b)
    )
    tenant_id = admin.made.key.tenant_id
    wrong = f"mw_{tenant_id.hex}_{admin.made.key.key_id}_{'0' * 43}"
    unknown = f"mw_{tenant_id.hex}_zzzzzzzzzz_{'0' * 43}"
    nowhere = f"mw_{UUID(int=5).hex}_zzzzzzzzzz_{'0' * 43}"
    for text in (wrong, unknown, nowhere):
        with pytest.raises(Unauthenticated):
            authenticated(text)
    assert compared == [(32, 32)] * 3


def test_a_key_of_another_tenants_name_is_unknown(admin, neighbour):
    """The same key id and secret under another tenant's id open nothing."""
    _, _, key_id, secret = admin.api_key.split("_")
    other = neighbour.api_key.split("_")[1]
    with pytest.raises(Unauthenticated):
        authenticated(f"mw_{other}_{key_id}_{secret}")
    assert authenticated(admin.api_key).tenant_id == admin.tenant_id


def test_secrets_lie_nowhere_in_the_database(admin, superuser):
    secret = admin.api_key.split("_")[3]
    found = str(superuser.execute("SELECT t::text FROM tenants_apikey t").fetchall())
    assert admin.made.key.key_id in found
    assert secret not in found
    assert secret.encode().hex() not in found
