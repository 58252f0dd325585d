from hypothesis import given
from hypothesis import strategies as st

from scalewright.data.pieces import cut_blocks, cut_large, cut_text
from scalewright.data.readers import TextDocument


@given(st.text(alphabet="ab \n", max_size=400), st.integers(1, 30))
def test_pieces_join_to_the_text_and_have_its_size(text: str, size: int):
    pieces = cut_text(text, size)
    assert "".join(pieces) == text
    assert all(size <= len(piece) <= 2 * size for piece in pieces[:-1])
    assert len(pieces[-1]) <= 2 * size


@given(st.lists(st.text(alphabet="ab \n", max_size=60)), st.integers(1, 30))
def test_blocks_are_cut_like_the_whole(blocks: list[str], size: int):
    assert list(cut_blocks(blocks, size)) == cut_text("".join(blocks), size)


def test_paragraphs_first_then_lines_then_blanks():
    assert cut_text("aaaa\nbb\n\ncccc cc\ncccccccc", 6) == ["aaaa\nbb\n\n", "cccc cc\n", "cccccccc"]
    assert cut_text("a" * 10 + " " + "b" * 10, 6) == ["a" * 10 + " ", "b" * 10]
    assert cut_text("a" * 20, 6) == ["a" * 6, "a" * 6, "a" * 8]


def poem(number: int) -> str:
    return f"title {number}\n" + "some line of it\n" * (number % 4 + 2) + "\n"


def test_one_large_file_of_poems_is_cut_between_poems():
    text = "".join(poem(number) for number in range(30_000))
    documents, cut = cut_large([TextDocument("tang.txt", text), TextDocument("note.md", "a few words")])
    assert cut == ("tang.txt",)
    assert documents[-1] == TextDocument("note.md", "a few words")
    assert [document.name for document in documents[:2]] == ["tang.txt#1", "tang.txt#2"]
    assert "".join(document.text for document in documents[:-1]) == text
    assert all(document.text.startswith("title ") for document in documents[:-1])
    # A thousandth each, and on to the end of a poem.
    least = len(text) // 1000
    assert all(least <= len(document.text) < least + 200 for document in documents[:-2])


def test_a_third_of_a_hundred_novels_is_cut_the_hundred_are_not():
    novels = [TextDocument(f"{number}.txt", "word " * 16_000) for number in range(100)]
    assert len(cut_large(novels[:33])[1]) == 33
    assert cut_large(novels) == (novels, ())


def test_many_small_files_beside_a_large_one_do_not_hide_it():
    # (sum s)^2 / sum s^2 = (1e6 + 1e5)^2 / (1e12 + 1e3 * 1e4) = 1.2 documents.
    documents = [
        TextDocument("large.txt", "x" * 999_999 + "\n"),
        *(TextDocument(f"{n}", "y" * 100) for n in range(1000)),
    ]
    assert cut_large(documents)[1] == ("large.txt",)


def test_a_short_text_is_cut_finer():
    documents, _ = cut_large([TextDocument("a.txt", "line\n" * 40_000)])
    assert 100 <= len(documents) <= 200
    assert min(len(document.text) for document in documents) >= 1000
