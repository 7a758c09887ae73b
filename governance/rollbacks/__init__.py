"""Undoing many records at once: what is bad, what that asks for, how it is done, and what came of it."""
