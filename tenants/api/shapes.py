"""Shapes that several answers share."""

from __future__ import annotations

from foundation.rest.fields import Moment, Text, Uuid
from foundation.rest.serializers import Shape


class ReceiptShape(Shape):
    """The signed promise that an act will be in the log (`audit.services.receipts`)."""

    event_id = Uuid()
    leaf_hash = Text()
    origin = Text()
    promise_by = Moment()
    signature = Text()
