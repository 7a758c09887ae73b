"""LangGraph's PostgresStore, as its documentation sets it up: pgvector, one namespace. `URL VECTORS`"""

import sys

from langgraph.store.base import PutOp
from langgraph.store.postgres import PostgresStore
from loop import Vectors, serve

url, path = sys.argv[1:]
vectors = Vectors(path)
place, number = ("bench", "agent"), 0


def main():
    index = {"dims": len(next(iter(vectors.by_text.values()))), "embed": vectors, "fields": ["text"]}
    with PostgresStore.from_conn_string(url, index=index) as store:
        store.setup()

        def write(texts):
            global number
            store.batch([PutOp(place, str(number + at), {"text": text}) for at, text in enumerate(texts)])
            number += len(texts)

        def search(text):
            found = store.search(place, query=text, limit=10)
            assert len(found) == 10, found

        serve(write, search, vectors.texts)


main()
