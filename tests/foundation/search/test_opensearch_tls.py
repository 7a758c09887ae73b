"""TLS, credentials and the authority by settings: verified or refused, and never in plain text instead."""

import ipaddress
import ssl
from base64 import b64encode
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.core.exceptions import ImproperlyConfigured

from foundation.kernel.problems import Unavailable
from foundation.search.engine import _made
from foundation.search.opensearch import connection
from tests.foundation.search.builders import document, found, plan, put
from tests.opensearch.proxy import Reply, in_front_of

NAME, PASSWORD = "memwrit", "it's: a /secret"


class Authority:
    """A certificate authority of one's own."""

    def __init__(self, folder, name):
        self.key, self.folder, self.name = ec.generate_private_key(ec.SECP256R1()), folder, name
        self.certificate = self._signed(self.key.public_key(), authority=True)
        self.path = self._written(f"{name}.pem", self.certificate)

    def context(self, address="127.0.0.1"):
        """A server's, with a certificate for `address`."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._written(f"{self.name}-node.pem", self._signed(key.public_key(), address=address))
        how = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        secret = self.folder / f"{self.name}-node.key"
        secret.write_bytes(key.private_bytes(*how))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, secret)
        return context

    def _signed(self, public, *, address=None, authority=False):
        now, named = datetime.now(UTC), x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, self.name)])
        subject = named if authority else x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "node")])
        made = x509.CertificateBuilder(named, subject, public, x509.random_serial_number())
        made = made.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        made = made.add_extension(x509.BasicConstraints(authority, None), critical=True)
        if address:
            names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
            made = made.add_extension(names, critical=False)
        return made.sign(self.key, hashes.SHA256())

    def _written(self, name, certificate):
        path = self.folder / name
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return path


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path, "ours")


@pytest.fixture
def stranger(tmp_path):
    return Authority(tmp_path, "strange")


@pytest.fixture
def node(on_opensearch, authority, settings):
    """The real node behind TLS, for those alone who know the password."""
    with in_front_of(on_opensearch.url, authority.context()) as made:
        made.rule = only_those_who_know
        settings.OPENSEARCH_URL, settings.OPENSEARCH_CA = made.url, str(authority.path)
        settings.OPENSEARCH_USER, settings.OPENSEARCH_PASSWORD = NAME, PASSWORD
        settings.OPENSEARCH_TIMEOUT = 5.0
        _made.cache_clear()
        yield made
        _made.cache_clear()


def only_those_who_know(request, ask):
    wanted = "Basic " + b64encode(f"{NAME}:{PASSWORD}".encode()).decode()
    return (
        ask()
        if request.headers.get("authorization", request.headers.get("Authorization")) == wanted
        else Reply(401, b"{}")
    )


def refused(node):
    node.seen.clear()
    with pytest.raises(Unavailable) as problem:
        connection.Connection().call("GET", "/")
    assert problem.value.retry_after
    assert PASSWORD not in str(problem.value)


def works():
    return connection.Connection().call("GET", "/")["version"]["number"]


def test_with_the_right_authority_and_password_everything_works(tenant, node):
    one = document("seat")
    put(one)
    assert found(plan("seat")) == {(one.id, 1)}
    assert works()


def test_credentials_may_stand_in_the_url(node, settings):
    settings.OPENSEARCH_USER = settings.OPENSEARCH_PASSWORD = ""
    settings.OPENSEARCH_URL = node.url.replace("https://", "https://memwrit:it%27s%3A%20a%20%2Fsecret@")
    assert works()


@pytest.mark.parametrize("wrong", [("memwrit", "guessed"), ("someone", PASSWORD), ("", "")])
def test_with_a_wrong_password_the_engine_is_unavailable(node, settings, wrong):
    assert works(), "the control"
    settings.OPENSEARCH_USER, settings.OPENSEARCH_PASSWORD = wrong
    refused(node)


def test_a_certificate_of_a_strange_authority_is_refused_before_anything_is_sent(node, settings, stranger):
    assert works(), "the control"
    for authority in (str(stranger.path), ""):
        settings.OPENSEARCH_CA = authority
        refused(node)
        assert node.seen == [], "neither password nor question was sent"


def test_a_certificate_for_another_host_is_refused(on_opensearch, node, authority, settings):
    with in_front_of(on_opensearch.url, authority.context("192.0.2.1")) as other:
        other.rule = only_those_who_know
        settings.OPENSEARCH_URL = other.url
        refused(other)
        assert other.seen == []


def test_there_is_no_way_back_to_plain_text(on_opensearch, node, settings):
    """A node that speaks no TLS is not asked in plain text; nor is one that does, however it is written."""
    settings.OPENSEARCH_URL = on_opensearch.url.replace("http://", "https://")
    refused(node)
    settings.OPENSEARCH_URL = node.url.replace("https://", "http://")
    refused(node)
    assert node.seen == []
    settings.OPENSEARCH_URL = f"{node.url},{on_opensearch.url}"
    with pytest.raises(ImproperlyConfigured):
        connection.options()
    settings.OPENSEARCH_URL = f"{on_opensearch.url},{node.url}"
    with pytest.raises(ImproperlyConfigured):
        connection.options()
