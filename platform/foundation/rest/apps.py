"""What every endpoint shares, as a Django app (it owns one table: the idempotency keys)."""

from django.apps import AppConfig


class RestConfig(AppConfig):
    name = "foundation.rest"
    label = "rest"
