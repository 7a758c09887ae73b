"""Personal data: found by recognisers in helper processes, replaced by policy before anything else sees the text.

`pool.redactor()` is the door; `port` has its values. Importing this is cheap: Presidio, spaCy and onnxruntime are
loaded by the helper processes alone.
"""
