"""The sequencer: the one writer of the log. All SQL of the ledger that is not the ORM's stands in `rows.py`."""
