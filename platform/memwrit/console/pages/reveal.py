"""One value behind one token of a memory, for a reason: shown in the answer to the form and nowhere else."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpResponse
from django.urls import path

from governance import revealing, selectors
from governance.services.reveal import reveal
from memwrit.console.fields import Reason, choose
from memwrit.console.form_page import FormPage
from memwrit.console.forms import ServiceForm
from memwrit.console.pages.memory import OfRecord


class Token(forms.ChoiceField):
    """One of what the page offers. Whether it stands in the memory is the service's to say, and is told there."""

    def valid_value(self, value: Any) -> bool:
        return True


class Revealing(ServiceForm):
    token = Token(label="Token", widget=forms.RadioSelect)
    reason = Reason(help_text="It is sealed, and kept as long as this version of the memory.")


class Reveal(OfRecord, FormPage):
    """The tokens of a memory that have a way back, and the value of the one that is asked for."""

    acts = {"GET": "memory.reveal", "POST": "memory.reveal"}
    title = "Reveal a value"
    template = "console/memories/reveal.html"
    tab = "record"
    fresh = frozenset({"POST"})
    form, submit = Revealing, "Reveal it"

    def save(self, fields: dict[str, Any]) -> HttpResponse:
        """The one answer that holds the value: no cache keeps it, and asking again is another act."""
        found = reveal(self.principal, memory_id=self.kwargs["id"], **fields)
        return self.show({"found": found}, template="console/memories/revealed.html")

    def context(self, form: ServiceForm) -> dict[str, Any]:
        memory = selectors.memory(self.principal, memory_id=self.kwargs["id"]).memory
        tokens = revealing.tokens(memory.payload)
        choose(form, "token", [(token, f"{token} ({kind})") for token, kind in tokens.items()])
        return super().context(form) | {"memory": memory, "tokens": tokens}


urlpatterns = [path("memories/<uuid:id>/reveal", Reveal.as_view(), name="console-memory-reveal")]
