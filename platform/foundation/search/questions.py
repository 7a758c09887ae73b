"""The vectors of recent questions, so that a repeated one is not embedded again. Keyed: no text is kept."""

import threading
from collections import OrderedDict

from foundation.search.blind import keyed, rotate
from foundation.search.embedders import Embedder, Vectors

_KEPT = 2048
_lock = threading.Lock()
_recent: OrderedDict[bytes, Vectors] = OrderedDict()


def vector(text: str, embedder: Embedder, index_key: bytes) -> Vectors:
    """The question's rotated vector, shape (dim,)."""
    name = keyed(index_key, "question", f"{embedder.name}\0{text}")
    with _lock:
        if name in _recent:
            _recent.move_to_end(name)
            return _recent[name]
    found: Vectors = rotate(embedder.embed([text]), index_key)[0]
    with _lock:
        _recent[name] = found
        while len(_recent) > _KEPT:
            _recent.popitem(last=False)
    return found
