"""The doors of tenants."""
