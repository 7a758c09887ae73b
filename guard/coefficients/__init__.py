"""Numbers fitted by `benchmarks/fit_guard.py`; `PROVENANCE.md` says from what. No text of any data set lies here."""
