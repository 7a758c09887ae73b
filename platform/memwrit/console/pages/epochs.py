"""The tenant's keys that can be destroyed: shards, their epochs, and the rotations that destroyed keys."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import path

from foundation.keyring.standing import standing
from memwrit.console.navigation import Nav
from memwrit.console.views import Page

NAV = Nav("Key epochs", "admin/epochs", "key.read", 84, "Administration")


class Epochs(Page):
    """The keyring as it stands."""

    acts = {"GET": "key.read"}
    title = "Key epochs"
    template = "console/admin/epochs.html"

    def get(self, request: HttpRequest) -> dict[str, Any]:
        return {"keyring": standing()}


urlpatterns = [path("admin/epochs", Epochs.as_view(), name="console-epochs")]
