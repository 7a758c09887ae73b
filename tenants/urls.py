"""The doors of tenants, under `/v1`."""

from django.urls import path

from tenants.api import keys, quotas

urlpatterns = [
    path("v1/api_keys", keys.ApiKeys.as_view()),
    path("v1/api_keys/<uuid:id>", keys.OneApiKey.as_view()),
    path("v1/api_keys/<uuid:id>:rotate", keys.ApiKeyRotation.as_view()),
    path("v1/quotas", quotas.Quotas.as_view()),
    path("v1/quotas/<str:resource>", quotas.OneQuota.as_view()),
    path("v1/usage", quotas.Usages.as_view()),
]
