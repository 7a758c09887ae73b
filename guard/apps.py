"""The guard as a Django app."""

from django.apps import AppConfig


class GuardConfig(AppConfig):
    name = "guard"
    label = "guard"
