"""The doors of the guard, under `/v1`."""

from django.urls import path

from guard import api

urlpatterns = [
    path("pii_policies", api.PiiPolicies.as_view()),
    path("pii_policies/<uuid:id>", api.OnePiiPolicy.as_view()),
]
