"""Long fault tests: kill things at random moments, then look for what must never be."""
