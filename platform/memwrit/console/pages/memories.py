"""The memory explorer: search, also through another's eyes; lists by what a memory is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import path

from foundation.kernel.clock import now
from foundation.kernel.problems import FieldError, Validation
from foundation.kernel.scope import tenant_transaction
from governance import explorer, names
from governance.models import Space
from governance.services.search import search
from governance.services.search_as import ASKING, search_as, standpoints
from memwrit.console.exploring import Exploring
from memwrit.console.fields import identified
from memwrit.console.navigation import Nav, Offers
from memwrit.console.views import Page

NAV = Nav("Memories", "memories", "memory.list", 30, "Memories")


class Memories(Page):
    """The newest memories, and the form that asks for others."""

    acts = {"GET": "memory.list"}
    title = "Memories"
    template = "console/memories/list.html"
    audited = True

    def get(self, request: HttpRequest) -> Mapping[str, Any]:
        asked = {"space": request.GET.get("space", ""), "state": request.GET.get("state", "")}
        return _answered(self, asked)


class MemorySearch(Page):
    """What was asked for. It is a POST: questions and people stand in no address."""

    acts = {"POST": "memory.search"}
    title = Memories.title
    template = Memories.template

    def post(self, request: HttpRequest) -> Mapping[str, Any] | HttpResponse:
        told = _answered(self, request.POST)
        return self.show(told, status=422) if told["form"].errors else told


def _answered(page: Page, asked: Mapping[str, Any]) -> dict[str, Any]:
    """The form as it was filled in, with what it finds; nothing where it is wrong."""
    form, around = _form(page, asked)
    if not form.is_valid():
        return around | {"form": form}
    try:
        return around | {"form": form} | _found(page, form, asked)
    except Validation as problem:
        form.refuse(problem)
        return around | {"form": form}


def _form(page: Page, asked: Mapping[str, Any]) -> tuple[Exploring, dict[str, Any]]:
    with tenant_transaction():
        spaces = names.spaces(page.principal)
        others = standpoints(page.principal) if ASKING in Offers(page.principal) else None
        since = Space.objects.order_by("created_at").values_list("created_at", flat=True).first()
    return Exploring(asked, spaces=spaces, others=others), {"spaces": spaces, "since": since or now(), "until": now()}


def _found(page: Page, form: Exploring, asked: Mapping[str, Any]) -> dict[str, Any]:
    if not form.cleaned_data["query"]:
        if form.cleaned_data.get("through"):
            raise Validation(errors=[FieldError("/query", "required", "Ask something to see what would be found.")])
        memories, before = explorer.memories(page.principal, form.wanted(identified(asked.get("before"))))
        return {"memories": memories, "before": before, "listed": True}
    standpoint = form.standpoint()
    if standpoint is None:
        return {"answer": search(page.principal, question=form.question())}
    seen = search_as(page.principal, standpoint=standpoint, question=form.question())
    return {"answer": seen.answer, "given": seen.given, "standpoint": standpoint}


urlpatterns = [
    path("memories", Memories.as_view(), name="console-memories"),
    path("memories/search", MemorySearch.as_view(), name="console-memory-search"),
]
