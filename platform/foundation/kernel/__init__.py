"""The ground: tenant scope, isolation, principals, problems, outbox, clock, ids and canonical JSON."""
