"""The console as a Django app: it has templates and static files, and no tables."""

from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    name = "memwrit.console"
    label = "console"
