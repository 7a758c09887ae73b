"""What the guard does: one verb, one file."""
