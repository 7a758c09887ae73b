"""The doors of tenants, under `/v1`."""

from django.urls import path

from tenants.api import keys, quotas

urlpatterns = [
    path("api_keys", keys.ApiKeys.as_view()),
    path("api_keys/<uuid:id>", keys.OneApiKey.as_view()),
    path("api_keys/<uuid:id>:rotate", keys.ApiKeyRotation.as_view()),
    path("quotas", quotas.Quotas.as_view()),
    path("quotas/<str:resource>", quotas.OneQuota.as_view()),
    path("usage", quotas.Usages.as_view()),
]
