"""Which pages there are, and which of them somebody is shown: those whose act his role may do."""

from __future__ import annotations

import pkgutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from types import ModuleType

from django.urls import URLPattern, URLResolver

from foundation.kernel.principal import Principal
from foundation.kernel.problems import Problem
from memwrit.console import pages
from tenants.policy import may

BASE = "/console/"
Routes = list[URLPattern | URLResolver]


@dataclass(frozen=True, slots=True)
class Nav:
    """One entry of the navigation: its words, its path under `/console/`, the act it needs, and its place."""

    label: str
    path: str
    act: str
    order: int
    group: str = ""

    @property
    def url(self) -> str:
        return BASE + self.path


@dataclass(frozen=True, slots=True)
class Offers:
    """`"key.create" in offers`: whether to show somebody the way to an act. What counts is asked again when he goes."""

    principal: Principal

    def __contains__(self, act: object) -> bool:
        try:
            may(self.principal, str(act))
        except Problem:
            return False
        return True


@cache
def modules() -> tuple[ModuleType, ...]:
    """Every module of `memwrit.console.pages` that has routes."""
    names = sorted(found.name for found in pkgutil.iter_modules(pages.__path__))
    found = (import_module(f"{pages.__name__}.{name}") for name in names if not name.startswith("_"))
    return tuple(module for module in found if hasattr(module, "urlpatterns"))


def routes() -> Routes:
    return [route for module in modules() for route in module.urlpatterns]


def entries() -> Sequence[Nav]:
    """Every entry, in the order of the navigation."""
    found = [nav for module in modules() for nav in _of(module)]
    return sorted(found, key=lambda nav: (nav.order, nav.label))


def shown_to(principal: Principal) -> list[Nav]:
    """The entries whose act the principal may do."""
    offers = Offers(principal)
    return [nav for nav in entries() if nav.act in offers]


def _of(module: ModuleType) -> Sequence[Nav]:
    given = getattr(module, "NAV", ())
    return (given,) if isinstance(given, Nav) else tuple(given)
