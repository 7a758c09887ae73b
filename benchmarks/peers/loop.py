"""What every peer program shares: texts with vectors made beforehand, and commands as JSON lines.

Runs in the peers' environment, which has none of our packages. `{"write": [numbers]}` and `{"search": [numbers]}` name
texts of the file; the answer tells wall milliseconds (of each search; of the whole write) and the process's CPU.
"""

import json
import os
import sys
import time


class Vectors:
    """The no-cost embedder: the vector made beforehand of a text, for every peer the one we are given."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            told = json.load(file)
        self.texts = told["texts"]
        self.by_text = dict(zip(self.texts, told["vectors"], strict=True))

    def __call__(self, texts):
        return [self.by_text[text] for text in texts]


def serve(write, search, texts):
    """Until the input ends. The first line out says that the store is ready."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the packages print is not an answer
    print(json.dumps({"ready": True}), file=out, flush=True)
    for line in sys.stdin:
        ((what, numbers),) = json.loads(line).items()
        given, spent = [texts[number] for number in numbers], time.process_time()
        ms = [timed(write, given)] if what == "write" else [timed(search, text) for text in given]
        cpu = (time.process_time() - spent) * 1000
        print(json.dumps({"ms": ms, "cpu_ms": cpu}), file=out, flush=True)


def timed(act, given):
    began = time.perf_counter()
    act(given)
    return (time.perf_counter() - began) * 1000
