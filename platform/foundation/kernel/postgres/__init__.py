"""Django's PostgreSQL backend, with what every request pays for made cheaper."""
