"""The ground the tests themselves stand on."""

from django.db import connection, connections


def test_tests_run_as_the_role_of_the_web_process():
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        assert cursor.fetchone() == ("memwrit_app",)


def test_every_role_reaches_its_own_database():
    for alias in connections:
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT current_user, current_database()")
            role, database = cursor.fetchone()
        assert database == ("memwrit_keyring" if alias.startswith("keyring") else "memwrit")
        assert role == "memwrit_" + {"default": "app", "keyring": "app"}.get(alias, alias.removeprefix("keyring_"))
