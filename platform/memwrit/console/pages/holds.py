"""Legal holds: what must not be destroyed, since when, who sees to it; placing and releasing them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import path

from foundation.kernel.principal import PrincipalKind
from foundation.kernel.problems import Validation
from foundation.kernel.scope import tenant_transaction
from governance import erasures, names
from governance.models import LegalHold
from governance.services.place_hold import place_hold
from governance.services.release_hold import release_hold
from memwrit.console.fields import Ids, Reason, choose, identified
from memwrit.console.forms import ServiceForm
from memwrit.console.navigation import Nav
from memwrit.console.views import Page
from tenants.models import PrincipalRecord

NAV = Nav("Legal holds", "holds", "hold.read", 50, "Duties")
BASES = ("litigation", "investigation", "regulatory", "audit", "other")
PAGE = 25


class Placing(ServiceForm):
    """What is held: a person, a space, records, or several of these."""

    name = forms.CharField(max_length=128, help_text="The case, as your files have it.")
    basis = forms.ChoiceField(choices=[(each, each) for each in BASES])
    subject = forms.CharField(label="A person", required=False, max_length=256, help_text="Your own name for them.")
    space = forms.ChoiceField(label="A space", required=False)
    ids = Ids()
    custodians = forms.MultipleChoiceField(
        required=False, widget=forms.CheckboxSelectMultiple, help_text="Who sees to it."
    )

    def __init__(self, *args: Any, spaces: Mapping[UUID, str], people: Mapping[UUID, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choose(self, "space", [("", "None"), *((str(id), name) for id, name in spaces.items())])
        choose(self, "custodians", [(str(id), name) for id, name in people.items()])


class Releasing(ServiceForm):
    """Why it may be let go."""

    reason = Reason()


class Holds(Page):
    """The holds, newest first."""

    acts = {"GET": "hold.read"}
    title = "Legal holds"
    template = "console/holds/list.html"

    def get(self, request: HttpRequest) -> Mapping[str, Any]:
        asked = request.GET.get("state", LegalHold.State.PLACED)
        state = asked if asked in LegalHold.State.values else None
        found = erasures.holds(self.principal, state=state, before=identified(request.GET.get("before")), limit=PAGE)
        shown = found[:PAGE]
        with tenant_transaction():
            people = names.principals(id for row, _ in shown for id in (row.placed_by, *row.custodians))
            spaces = names.spaces(self.principal)
        after = shown[-1][0].id if len(found) > PAGE else None
        return {"holds": shown, "people": people, "spaces": spaces, "state": asked, "after": after}


class NewHold(Page):
    """Place one."""

    acts = {"GET": "hold.place", "POST": "hold.place"}
    title = "Place a legal hold"
    template = "console/holds/new.html"

    def get(self, request: HttpRequest) -> Mapping[str, Any]:
        chosen = identified(request.GET.get("memory"))
        return {"form": self._form(initial={"ids": str(chosen) if chosen else ""})}

    def post(self, request: HttpRequest) -> HttpResponse:
        form = self._form(request.POST)
        if form.is_valid():
            told = form.cleaned_data
            try:
                held = place_hold(
                    self.principal,
                    name=told["name"],
                    basis=told["basis"],
                    subject=told["subject"] or None,
                    space_id=identified(told["space"]),
                    ids=told["ids"],
                    custodians=[UUID(each) for each in told["custodians"]],
                )
                return self.done("placed", f"holds/{held.hold.id}")
            except Validation as problem:
                form.refuse(problem)
        return self.show({"form": form}, status=422)

    def _form(self, *args: Any, **kwargs: Any) -> Placing:
        with tenant_transaction():
            people = PrincipalRecord.objects.filter(kind=PrincipalKind.PERSON, disabled_at=None).order_by("name")
            custodians = dict(people.values_list("id", "name"))
            return Placing(*args, spaces=names.spaces(self.principal), people=custodians, **kwargs)


class OneHold(Page):
    """One hold, and the way to let it go."""

    acts = {"GET": "hold.read"}
    title = "Legal hold"
    template = "console/holds/hold.html"
    notices = {
        "placed": "Placed: from now on nothing it covers is destroyed.",
        "released": "Released: erasures that waited for it go on.",
    }

    def get(self, request: HttpRequest, id: UUID) -> Mapping[str, Any]:
        return _told(self, id)


def _told(page: Page, id: UUID) -> dict[str, Any]:
    held, reason = erasures.hold(page.principal, id)
    row = held.hold
    with tenant_transaction():
        people = names.principals([row.placed_by, row.released_by, *row.custodians])
        space = names.spaces(page.principal).get(row.space_id, "") if row.space_id else ""
    return {"held": held, "row": row, "reason": reason, "people": people, "space": space, "form": Releasing()}


class Release(Page):
    """Let a hold go."""

    acts = {"POST": "hold.release"}
    title = OneHold.title
    template = OneHold.template
    fresh = frozenset({"POST"})

    def post(self, request: HttpRequest, id: UUID) -> HttpResponse:
        form = Releasing(request.POST)
        if not form.is_valid():
            return self.show(_told(self, id) | {"form": form}, status=422)
        release_hold(self.principal, hold_id=id, reason=form.cleaned_data["reason"])
        return self.done("released", f"holds/{id}")


urlpatterns = [
    path("holds", Holds.as_view(), name="console-holds"),
    path("holds/new", NewHold.as_view(), name="console-hold-new"),
    path("holds/<uuid:id>", OneHold.as_view(), name="console-hold"),
    path("holds/<uuid:id>/release", Release.as_view(), name="console-hold-release"),
]
