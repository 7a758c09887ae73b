"""Memwrit on a cluster that runs: what `deploy/cluster` does."""
