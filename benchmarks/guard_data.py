"""Public evaluation texts as the guard's benchmark and its fitting script read them: benign records with their groups.

Nothing here is copied into the project; a missing folder is a loud error, not an empty result.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


def data_folder() -> Path:
    folder = Path(os.environ.get("MEMWRIT_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
    if not (folder / "PROVENANCE.md").exists():
        raise SystemExit(f"evaluation data not found in {folder}: set MEMWRIT_DATA. Nothing was measured.")
    return folder


def read(name: str) -> Any:
    path = data_folder() / name
    return json.loads(gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes())


@dataclass(frozen=True, slots=True)
class Text:
    """A benign text of a kind; records of one `group` (thread, template, question) are not independent."""

    kind: str
    group: str
    text: str
    own: bool = False


def emails() -> Iterator[Text]:
    for number, mail in enumerate(read("injections/injections_dev.json")["benign_email"]):
        yield Text("email", f"email:{number}", mail["context"])


def facts() -> Iterator[Text]:
    for number, trace in enumerate(read("strategyqa/traces_dev.json")):
        yield from (Text("facts", f"facts:{number}", fact) for fact in trace["facts"])


def synthetic() -> Iterator[Text]:
    for row in read("pii/presidio_dev.json"):
        yield Text("synthetic", f"synthetic:{row['template_id']}", row["full_text"])


def tweets() -> Iterator[Text]:
    rows = (data_folder() / "pii/wnut17train.conll").read_text(encoding="utf-8").split("\n\n")
    for number, row in enumerate(rows):
        words = [line.split("\t")[0] for line in row.splitlines() if line.strip()]
        if len(words) > 2:
            yield Text("tweets", f"tweets:{number}", " ".join(words))


def chats() -> Iterator[Text]:
    for question in read("longmemeval/oracle_dev.json.gz"):
        for name, session in zip(question["haystack_session_ids"], question["haystack_sessions"], strict=True):
            for turn in session:
                yield Text(f"chat-{turn['role']}", f"chat:{name}", turn["content"], own=True)


def episodes() -> list[dict[str, str]]:
    """Real agent episodes over a hospital data base: question, knowledge, code."""
    rows: list[dict[str, str]] = read("ehr/episodes_dev.json")
    return rows


def notes() -> Iterator[Text]:
    """The prose of episodes and traces: what an agent writes down as knowledge."""
    for number, row in enumerate(episodes()):
        yield Text("notes", f"notes:{number}", row["knowledge"])
    for number, trace in enumerate(read("strategyqa/traces_dev.json")):
        yield Text("notes", f"facts:{number}", " ".join(trace["facts"]))


def locomo() -> Iterator[Text]:
    """For evaluation only: its licence keeps it out of everything that is fitted."""
    for conversation in read("locomo/locomo_dev.json.gz"):
        for name, turns in conversation["conversation"].items():
            if isinstance(turns, list):
                yield from (
                    Text("locomo", f"locomo:{conversation.get('sample_id', '')}:{name}", turn["text"], own=True)
                    for turn in turns
                )


def benign() -> list[Text]:
    """Everything that may be fitted from."""
    return [*emails(), *facts(), *synthetic(), *tweets(), *notes(), *chats()]


def directives() -> list[tuple[str, str]]:
    """(family, text) of every directive-shaped attack text."""
    data = read("injections/injections_dev.json")
    found = [(f"bipia-text/{family}", text) for family, texts in data["bipia_text"].items() for text in texts]
    found += [(f"bipia-code/{family}", text) for family, texts in data["bipia_code"].items() for text in texts]
    return found + [("giskard", text) for text in data["giskard"]]


def embedder() -> Any:
    """The default embedder, without the rest of the application."""
    from django.conf import settings

    if not settings.configured:
        settings.configure(EMBEDDER_THREADS=1)
    from foundation.search.embedders import MiniLM

    return MiniLM()
