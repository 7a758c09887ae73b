"""Lessons: what an attack or an outcome taught, kept apart from memory and never found as one.

`pattern` distils and compares, `wording` says it in our words, `grounds` decides when a lesson may act; `intake` takes
in what was judged, `learn` (in the worker) makes lessons of it, `replay` tries them on benign records.
"""
