"""One person that memories are about: what is kept of them, what is under way, and the export they may ask for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import path

from foundation.kernel.problems import NotFound
from foundation.kernel.scope import tenant_transaction
from governance import names
from governance.api.subjects import sent
from governance.erasures import clock_of
from governance.services.export_subject import export_subject
from governance.subjects import find, subject
from memwrit.console.forms import ServiceForm
from memwrit.console.navigation import Nav
from memwrit.console.views import Page

NAV = Nav("Subjects", "subjects", "subject.read", 35, "Duties")


class Finding(ServiceForm):
    """Your own name for a person."""

    subject = forms.CharField(
        label="A person", max_length=256, help_text="Your own name for them, as memories were written with it."
    )


class Subjects(Page):
    """The way from a name to a person. It is posted, and stands in no address."""

    acts = {"GET": "subject.read", "POST": "subject.read"}
    title = "Subjects"
    template = "console/subjects/find.html"

    def get(self, request: HttpRequest) -> Mapping[str, Any]:
        return {"form": Finding()}

    def post(self, request: HttpRequest) -> HttpResponse:
        form = Finding(request.POST)
        if form.is_valid():
            try:
                return self.done("found", f"subjects/{find(self.principal, form.cleaned_data['subject'])}")
            except NotFound:
                form.add_error("subject", "Nobody of this name is known.")
        return self.show({"form": form}, status=422)


class OneSubject(Page):
    """What is kept of one person, in counts."""

    acts = {"GET": "subject.read"}
    title = "A person"
    template = "console/subjects/subject.html"

    def get(self, request: HttpRequest, id: UUID) -> Mapping[str, Any]:
        found = subject(self.principal, id)
        with tenant_transaction():
            spaces = names.spaces(self.principal)
        return {
            "person": found,
            "states": sorted(found.states.items()),
            "spaces": sorted((spaces.get(each, "–"), count) for each, count in found.spaces.items()),
            "requests": [(each, clock_of(each)) for each in found.requests],
        }


class Export(Page):
    """All that is kept of one person, as a signed file."""

    acts = {"POST": "subject.export"}
    title = OneSubject.title
    fresh = frozenset({"POST"})

    def post(self, request: HttpRequest, id: UUID) -> HttpResponseBase:
        return sent(export_subject(self.principal, subject_id=id), id)


urlpatterns = [
    path("subjects", Subjects.as_view(), name="console-subjects"),
    path("subjects/<uuid:id>", OneSubject.as_view(), name="console-subject"),
    path("subjects/<uuid:id>/export", Export.as_view(), name="console-subject-export"),
]
