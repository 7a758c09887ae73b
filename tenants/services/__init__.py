"""What changes tenants: one verb, one file."""
