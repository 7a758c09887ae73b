"""The guard's own doors, one file a resource."""
