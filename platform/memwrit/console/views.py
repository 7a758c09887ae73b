"""`Page`: the one way a browser's request becomes an act.

method → session → tenant scope → rate limit → policy → fresh sign-in where the act asks for it → handler → look told
to the audit log. It is `foundation.rest.views.Endpoint` for people: refusals are pages, and nothing is decided here.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any, ClassVar

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.module_loading import import_string
from django.views import View

from audit.acts import Act
from foundation.kernel.principal import Principal
from foundation.kernel.problems import Problem
from foundation.kernel.scope import tenant_scope
from foundation.rest import problems, throttles
from memwrit.console import confirming, refusals, sessions
from memwrit.console.navigation import BASE, Offers, shown_to
from tenants.policy import may

METHODS = ("GET", "POST")
SIGNED_IN = "signed-in"
"""The act of what anybody who is signed in may do: leave, and look at his own sessions."""
log = logging.getLogger(__name__)


class Page(View):
    """A page. Subclasses implement `get` and `post`, and declare:

    - `acts`: per method the act that policy decides on, or `SIGNED_IN`;
    - `title`: what stands in the window's title and heading: never content, never a name;
    - `template`: rendered with the mapping that a handler returns (a handler may return a response instead);
    - `fresh`: the methods that ask for a sign-in of the last five minutes (`memwrit.console.confirming`);
    - `notices`: what `self.done("word", path)` says on the page it leads to, by word;
    - `audited`: True where what a GET calls records the look itself; else the page records it as `look`, which is the
      act of reading what the GET's act is about (a look at the form of `hold.place` is a `hold.read`).
    """

    acts: ClassVar[Mapping[str, str]] = {}
    title: ClassVar[str] = ""
    template: ClassVar[str] = ""
    fresh: ClassVar[frozenset[str]] = frozenset()
    notices: ClassVar[Mapping[str, str]] = {}
    audited: ClassVar[bool] = False
    look: ClassVar[str] = ""
    http_method_names = ["get", "head", "post"]

    principal: Principal
    session: sessions.SignedIn

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        implemented = {method for method in METHODS if hasattr(cls, method.lower())}
        if implemented != set(cls.acts):
            raise ImproperlyConfigured(f"{cls.__qualname__} must declare an act for each of its methods, and no other")
        if "look" not in vars(cls):
            cls.look = _look(cls.acts.get("GET", ""))
        told = cls.audited or cls.acts.get("GET", "") in ("", SIGNED_IN)
        if not told and cls.look not in list(Act):
            raise ImproperlyConfigured(f"{cls.__qualname__} must declare the look that its GET is")

    # -- the way of a request -------------------------------------------------------------------------------------

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.method = "GET" if request.method == "HEAD" else str(request.method)
        if self.method not in self.acts:
            return refusals.page(request, problems.Plain(405, headers={"Allow": ", ".join(self.acts)}))
        with ExitStack() as self.scopes:
            try:
                return self._answer(request, *args, **kwargs)
            except Exception as error:
                return self._refused(error)

    def _answer(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.session = sessions.of(request)
        self.principal = self.session.principal
        self.scopes.enter_context(tenant_scope(self.principal.tenant_id))
        self._throttle()
        self.act = self.acts[self.method]
        if self.act != SIGNED_IN:
            may(self.principal, self.act)
        if self.method in self.fresh and (asked := confirming.demand(request, self.session)) is not None:
            return asked
        given = getattr(self, self.method.lower())(request, *args, **kwargs)
        response = given if isinstance(given, HttpResponseBase) else self.show(given)
        self._tell_look()
        return response

    def _throttle(self) -> None:
        name = f"{self.principal.tenant_id}:{self.session.id}"
        throttles.credentials.take(name, throttles.credential_rate()).require()

    # -- what a handler asks --------------------------------------------------------------------------------------

    def show(self, context: Mapping[str, Any] | None = None, *, status: int = 200, template: str = "") -> HttpResponse:
        """The page, or with `template` another one; with the surroundings every page has."""
        return render(self.request, template or self.template, self.surroundings() | dict(context or {}), status=status)

    def part(self, template: str, context: Mapping[str, Any]) -> HttpResponse:
        """A part of the page, for htmx: no frame around it."""
        return render(self.request, template, {"offers": Offers(self.principal)} | dict(context))

    def done(self, notice: str, path: str) -> HttpResponse:
        """303 to a page under `/console/`, which says what was done: a closed word in the URL, never content."""
        where = f"{BASE}{path}?notice={notice}"
        if self.request.headers.get("HX-Request"):
            return HttpResponse(status=204, headers={"HX-Redirect": where})
        return HttpResponseRedirect(where, status=303)

    def surroundings(self) -> dict[str, Any]:
        """What `console/base.html` stands on."""
        return {
            "title": self.title,
            "notice": self.notices.get(self.request.GET.get("notice", ""), ""),
            "offers": Offers(self.principal),
            "nav": shown_to(self.principal),
            "principal": self.principal,
            "session": self.session,
        }

    # -- what is told ---------------------------------------------------------------------------------------------

    def _tell_look(self) -> None:
        """Audit a look before its answer leaves: one that cannot be recorded is not answered."""
        if self.method == "GET" and not self.audited and self.act != SIGNED_IN:
            import_string(settings.MEMWRIT_LOOK)(self.principal, self.look, target=self.kwargs.get("id"))

    def _refused(self, error: Exception) -> HttpResponse:
        problem = problems.of(error)
        around = {}
        if hasattr(self, "act"):
            around = self.surroundings() | {"title": problem.title}
            self._tell_denial(problem)
        return refusals.page(self.request, problem, around)

    def _tell_denial(self, problem: Problem) -> None:
        if problem.status != 403 and not getattr(problem, "denial", False):
            return
        try:
            import_string(settings.MEMWRIT_DENIAL)(self.principal, self.act, problem, target=self.kwargs.get("id"))
        except Exception as error:
            log.error("a denial was not recorded: %s", type(error).__qualname__)


def _look(act: str) -> str:
    """The act of reading what `act` is about."""
    about, _, verb = str(act).partition(".")
    return str(act) if verb in ("read", "list") else f"{about}.read"
