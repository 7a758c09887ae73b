"""mem0 on pgvector with `infer=False`: texts are stored as they are. `URL VECTORS FOLDER`"""

import os
import sys

url, path, folder = sys.argv[1:]
os.environ |= {"MEM0_DIR": folder, "MEM0_TELEMETRY": "False", "OPENAI_API_KEY": "none"}

from loop import Vectors, serve  # noqa: E402
from mem0 import Memory  # noqa: E402

vectors = Vectors(path)


class Given:
    """Stands where mem0's embedding client stands."""

    config = None

    def embed(self, text, memory_action=None):
        return vectors([text])[0]

    def embed_batch(self, texts, memory_action=None):
        return vectors(texts)


store = {
    "connection_string": url,
    "collection_name": "bench",
    "embedding_model_dims": len(vectors([vectors.texts[0]])[0]),
}
memory = Memory.from_config(
    {"vector_store": {"provider": "pgvector", "config": store}, "history_db_path": f"{folder}/history.db"}
)
memory.embedding_model = Given()


def write(texts):
    memory.add([{"role": "user", "content": text} for text in texts], user_id="agent", infer=False)


def search(text):
    found = memory.search(text, filters={"user_id": "agent"}, top_k=10)["results"]
    assert found, text


serve(write, search, vectors.texts)
