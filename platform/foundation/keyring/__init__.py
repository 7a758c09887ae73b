"""Keys that can be destroyed: the KMS port and its providers, epochs, data keys, sealing, service keys."""
