"""A page that is a form: it reads what was typed, calls a service, and shows at its field what that refuses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse

from foundation.kernel.problems import Problem
from memwrit.console.forms import ServiceForm
from memwrit.console.views import Page

SHOWN_IN_THE_FORM = frozenset({409, 412, 422})


class FormPage(Page):
    """Subclasses declare `form`, `submit` and `back`, and implement `save`; without `acts` it is nobody's page."""

    acts = {"GET": "", "POST": ""}
    form: ClassVar[type[ServiceForm]]
    template = "console/parts/form_page.html"
    submit: ClassVar[str] = "Save"
    intro: ClassVar[str] = ""
    back: ClassVar[str] = ""

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        return self.show(self.context(self.make()))

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        form = self.make(request.POST)
        if not form.is_valid():
            return self.show(self.context(form), status=422)
        try:
            return self.save(form.cleaned_data)
        except Problem as refused:
            if refused.status not in SHOWN_IN_THE_FORM:
                raise
            form.refuse(refused)
            return self.show(self.context(form), status=refused.status)

    def make(self, data: Mapping[str, Any] | None = None) -> ServiceForm:
        """The form, empty or with what was sent."""
        return self.form(data)

    def save(self, fields: dict[str, Any]) -> HttpResponse:
        """Call the service and answer."""
        raise NotImplementedError

    def context(self, form: ServiceForm) -> dict[str, Any]:
        return {"form": form, "submit": self.submit, "intro": self.intro, "back": self.back}
