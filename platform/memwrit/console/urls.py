"""The console's doors, all under `/console/`."""

from __future__ import annotations

from django.urls import path

from memwrit.console import elsewhere, navigation, signing_in

urlpatterns: navigation.Routes = [
    path("", signing_in.Home.as_view(), name="console-home"),
    path("sign-in", signing_in.WhichTenant.as_view(), name="console-sign-in"),
    path("t/<uuid:tenant>/", signing_in.SignIn.as_view(), name="console-tenant"),
    path("oidc/<uuid:tenant>/", elsewhere.Leave.as_view(), name="console-oidc"),
    path("oidc/again", elsewhere.LeaveAgain.as_view(), name="console-oidc-again"),
    path("oidc/answer", elsewhere.Answer.as_view(), name="console-oidc-answer"),
    path("sign-out", signing_in.SignOut.as_view(), name="console-sign-out"),
    *navigation.routes(),
]
