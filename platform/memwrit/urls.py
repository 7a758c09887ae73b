"""Every door of the product: each app's own, and the two that ask for no credential."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from django.urls import URLPattern, URLResolver, include, path

from memwrit import health

APPS = ("tenants", "governance", "guard", "audit", "foundation.rest")
Routes = list[URLPattern | URLResolver]


def _apps() -> Routes:
    """The routes of each app that has doors: `urlpatterns` under `/v1`, `root_urlpatterns`, if any, beside it."""
    found = [import_module(f"{app}.urls") for app in APPS if find_spec(f"{app}.urls")]
    versioned: Routes = [path("v1/", include(module.urlpatterns)) for module in found]
    return versioned + [route for module in found for route in getattr(module, "root_urlpatterns", ())]


urlpatterns: Routes = [
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("console/", include("memwrit.console.urls")),
    *_apps(),
]

# Pages under /console/, problems elsewhere.
handler400 = "memwrit.console.refusals.bad_request"
handler403 = "memwrit.console.refusals.forbidden"
handler404 = "memwrit.console.refusals.not_found"
handler500 = "memwrit.console.refusals.server_error"
