"""The relay's side of a broker: ids travel, few at a time, and what cannot be sent is given back."""

import json
import ssl
import subprocess
from types import SimpleNamespace

import pytest
from django.db.models.functions import Now
from kombu import Connection

from foundation.kernel import leasing, outbox
from foundation.kernel.leasing import EVERY, Queue
from foundation.kernel.models import WorkItem
from foundation.kernel.outbox import enqueue, enqueue_many, handles
from foundation.kernel.scope import tenant_scope, tenant_transaction
from memwrit import celery
from memwrit.dispatch import BATCH, Post
from tests.workers.brokers import TlsDoor, Valkey

KIND = "workers.dispatch"


@pytest.fixture
def post(monkeypatch, superuser):
    """A post whose broker is a list of messages. `stuck`: how many wait there; `lost`: after how many it is away."""
    made, told = Post(), SimpleNamespace(sent=[], stuck=0, lost=10**9)

    def send(arguments, **options):
        if len(told.sent) >= told.lost:
            raise OSError
        told.sent.append((arguments, options))

    monkeypatch.setattr(made, "_waiting", lambda queue: told.stuck)
    monkeypatch.setattr(celery.work, "apply_async", send)
    monkeypatch.setattr(outbox, "_handlers", dict(outbox._handlers))
    handles(KIND)(lambda refs: told.ran.extend(refs))
    told.ran = []
    superuser.execute("DELETE FROM kernel_workitem")  # what other tests left over
    return SimpleNamespace(post=made, told=told)


def owe(tenant, count=1, **ref):
    with tenant_scope(tenant), tenant_transaction():
        return enqueue_many(KIND, [{"n": n, **ref} for n in range(count)])


def left(tenant):
    with tenant_scope(tenant), tenant_transaction():
        return WorkItem.objects.filter(kind=KIND).count()


def clear(tenant):
    with tenant_scope(tenant), tenant_transaction():
        WorkItem.objects.filter(kind=KIND).delete()


def test_a_message_holds_ids_and_no_reference(tenant, post):
    owe(tenant, secret="Quetzalcoatlus")
    post.post.dispatch()
    (arguments, options) = post.told.sent[0]
    assert arguments[0] == str(tenant)
    assert options["queue"] == "memwrit.index"
    assert "Quetzalcoatlus" not in json.dumps([arguments, str(options)])
    clear(tenant)


def test_what_is_leased_is_not_sent_twice_until_the_lease_is_over(tenant, post, monkeypatch):
    owe(tenant)
    post.post.dispatch()
    post.post.dispatch()
    assert len(post.told.sent) == 1
    with tenant_transaction():
        WorkItem.objects.filter(kind=KIND).update(due=Now())  # the lease is over
    post.post.dispatch()
    assert len(post.told.sent) == 2
    clear(tenant)


def test_what_could_not_be_sent_is_due_again_at_once(tenant, post):
    owe(tenant, 3 * BATCH)
    post.told.lost = 1
    with pytest.raises(OSError):  # noqa: PT011
        post.post.dispatch()
    post.told.lost = 10**9
    post.post.dispatch()
    sent = [item for arguments, _ in post.told.sent for item in arguments[2]]
    assert len(sent) == len(set(sent)) == 3 * BATCH
    clear(tenant)


def test_no_more_is_sent_than_workers_will_soon_take(tenant, post):
    owe(tenant, 10 * BATCH)
    post.post.dispatch()
    assert [len(arguments[2]) for arguments, _ in post.told.sent] == [BATCH, BATCH]
    post.told.stuck = 2
    assert post.post.dispatch() == 1  # something is left, and it waits in the database
    assert len(post.told.sent) == 2
    clear(tenant)


def test_a_full_queue_holds_up_no_other(tenant, post, monkeypatch):
    owe(tenant)
    with tenant_transaction():
        enqueue(KIND, {"n": 0}, queue="forget")
    monkeypatch.setattr(post.post, "_waiting", lambda queue: 9 if queue is Queue.INDEX else 0)
    post.post.dispatch()
    assert [options["queue"] for _, options in post.told.sent] == ["memwrit.forget"]
    clear(tenant)


def test_a_message_that_comes_twice_finds_nothing_to_do(tenant, post):
    ids = [str(each) for each in owe(tenant, 2)]
    for _ in range(2):
        celery.work.run(str(tenant), KIND, ids)
    assert post.told.ran == [{"n": 0}, {"n": 1}]


def test_a_message_cannot_have_an_item_run_as_what_it_is_not(tenant, post):
    handles("workers.other")(lambda refs: post.told.ran.append("forged"))
    ids = [str(each) for each in owe(tenant)]
    celery.work.run(str(tenant), "workers.other", ids)
    assert (post.told.ran, left(tenant)) == ([], 1)
    clear(tenant)


def test_a_message_cannot_reach_another_tenants_item(tenant, other_tenant, post):
    ids = [str(each) for each in owe(tenant)]
    celery.work.run(str(other_tenant), KIND, ids)
    assert (post.told.ran, left(tenant)) == ([], 1)
    clear(tenant)


def test_every_class_of_work_has_a_queue_that_survives_its_node():
    made = celery.app.amqp.queues
    assert set(made) == {celery.name_of(each) for each in EVERY}
    assert {each.queue_arguments["x-queue-type"] for each in made.values()} == {"quorum"}


def test_each_limit_ends_before_the_next():
    limits = [celery.ENOUGH, celery.SOFT, celery.LIMIT, leasing.LEASE.total_seconds(), celery.VISIBILITY]
    assert limits == sorted(set(limits))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for 127.0.0.1 and localhost that signs itself."""
    home = tmp_path_factory.mktemp("tls")
    cert, key = home / "cert.pem", home / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-out", cert, "-keyout", key],
        check=True, capture_output=True,
    )  # fmt: skip
    return cert, key


@pytest.fixture(scope="module")
def door(certificate):
    """Valkey behind TLS."""
    broker = Valkey()
    broker.start()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    made = TlsDoor(context, broker.port)
    yield made
    made.close()
    broker.stop()


def reaches(url):
    given = celery.broker(url)
    with Connection(url, ssl=given["broker_use_ssl"], transport_options=given["broker_transport_options"]) as made:
        made.ensure_connection(max_retries=1, interval_start=0)
        made.default_channel.client.ping()


def test_a_broker_is_reached_over_tls_if_its_certificate_is_trusted(door, certificate, settings):
    settings.BROKER_CA = str(certificate[0])
    reaches(f"rediss://localhost:{door.port}/0")


def test_a_broker_whose_certificate_nobody_vouches_for_is_not_talked_to(door, settings):
    settings.BROKER_CA = ""
    with pytest.raises(Exception, match=r"(?i)certificate"):
        reaches(f"rediss://localhost:{door.port}/0")


def test_rabbitmq_too_is_asked_for_a_certificate_with_its_name(settings):
    settings.BROKER_CA = "/ca.pem"
    given = celery.broker("amqps://user:word@broker.example/host")["broker_use_ssl"]
    assert given == {"cert_reqs": ssl.CERT_REQUIRED, "ca_certs": "/ca.pem", "server_hostname": "broker.example"}
