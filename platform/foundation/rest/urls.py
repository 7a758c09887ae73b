"""The ground's own doors."""

from django.urls import path

from foundation.rest.api import OpenApi

urlpatterns = [path("v1/openapi.json", OpenApi.as_view(), name="openapi")]
