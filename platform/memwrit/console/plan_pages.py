"""What the pages of orders share: a form that first shows what the order would do, and then orders it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse

from foundation.kernel.problems import Problem
from memwrit.console.fields import identified
from memwrit.console.forms import ServiceForm
from memwrit.console.views import Page


class PlanPage(Page):
    """Subclasses implement `make` and `planned`; without `acts` it is nobody's page. A record may be named in the
    address: the form begins with it."""

    acts = {"GET": "", "POST": ""}

    def get(self, request: HttpRequest) -> Mapping[str, Any]:
        chosen = identified(request.GET.get("memory"))
        return {"form": self.make(initial={"ids": str(chosen) if chosen else ""})}

    def post(self, request: HttpRequest) -> Mapping[str, Any] | HttpResponse:
        form = self.make(request.POST)
        if not form.is_valid():
            return self.show({"form": form}, status=422)
        try:
            return self.planned(form, ordered="order" in request.POST)
        except Problem as problem:
            if problem.status not in (404, 422):
                raise
            form.refuse(problem)
            return self.show({"form": form}, status=422)

    def make(self, *args: Any, **kwargs: Any) -> ServiceForm:
        """The form, empty or with what was sent."""
        raise NotImplementedError

    def planned(self, form: Any, *, ordered: bool) -> Mapping[str, Any] | HttpResponse:
        """What it would do, or where `ordered` what was made of it."""
        raise NotImplementedError
