from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scalewright.data import TextDocument, distinct
from scalewright.data.pieces import cut_large
from scalewright.data.readers import TextBlocks
from scalewright.data.text_store import TextWriter, stored_documents

TEXTS = st.lists(st.lists(st.text(alphabet="ab é詩\n", max_size=12), max_size=3), max_size=12)


def kept(folder: Path, documents: int) -> list[str]:
    return list(stored_documents(folder, documents)[0])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=TEXTS, forgotten=TEXTS, after=TEXTS)
def test_it_holds_the_distinct_texts_and_forgets_what_is_taken_back(
    tmp_path: Path, before: list[list[str]], forgotten: list[list[str]], after: list[list[str]]
):
    def add(writer: TextWriter, texts: list[list[str]]) -> None:
        for number, blocks in enumerate(texts):
            writer.add(TextBlocks(f"{number}", blocks))

    with TextWriter(tmp_path) as writer:
        add(writer, before)
        documents, read = len(writer), writer.read
        add(writer, forgotten)
        writer.back_to(documents, read)
        add(writer, after)
        writer.sync()
        found, of = len(writer), writer.read
    texts = [TextDocument("", "".join(blocks)) for blocks in (*before, *after) if "".join(blocks).strip()]
    expected = [document.text for document in distinct(texts)]
    assert of == len(texts)
    assert found == len(expected)
    if expected:
        whole = [document.text for document in cut_large([TextDocument("", text) for text in expected])[0]]
        assert kept(tmp_path, found) == whole
    # What a killed process added behind is cut off.
    with TextWriter(tmp_path, documents, read) as writer:
        add(writer, after)
    assert (len(writer), writer.read) == (found, of)
    if expected:
        assert kept(tmp_path, found) == whole


def test_large_texts_are_cut_like_those_in_memory(tmp_path: Path):
    texts = [
        TextDocument("a", "詩 of it\n" * 70_000),
        TextDocument("b", "few words\n"),
        TextDocument("c", "é\n\n" * 9_000),
    ]
    with TextWriter(tmp_path) as writer:
        for text in texts:
            writer.add(TextBlocks(text.name, [text.text[:1000], text.text[1000:]]))
        writer.sync()
    found, cut = stored_documents(tmp_path, 3)
    expected, names = cut_large(texts)
    assert cut == names == ("a", "c")
    assert list(found) == [document.text for document in expected]
    order = np.array([5, 0, 5])
    assert list(found.take(order)) == [expected[place].text for place in order]
    assert list(found[2:4]) == [document.text for document in expected[2:4]]
