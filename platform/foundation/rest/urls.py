"""The ground's own doors."""

from django.urls import path

from foundation.rest.api import OpenApi

urlpatterns = [path("openapi.json", OpenApi.as_view(), name="openapi")]
