"""The one-machine default: a bundled PostgreSQL, the web server and the worker, supervised by one process."""
