"""From the transaction to the signed log."""

from audit.models import Entry, Head, Outbox
from audit.origin import own_checkpoint
from audit.pin import pins
from audit.services import sequence
from foundation.kernel.scope import tenant_transaction
from tests.audit.build import admit


def test_an_event_becomes_a_leaf_under_a_signed_and_pinned_head(ledger, tenant):
    event = admit()
    assert sequence.drain() >= 1
    with tenant_transaction():
        entry, head = Entry.objects.get(id=event.id), Head.objects.get()
        assert not Outbox.objects.exists()
    assert (entry.index, bytes(entry.entry)) == (0, event.entry())
    checkpoint = own_checkpoint(head.note, tenant)
    assert (checkpoint.size, checkpoint.root) == (1, event.leaf_hash())
    assert pins().read(tenant).note == head.note
