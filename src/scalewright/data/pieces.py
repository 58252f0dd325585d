"""Large files cut into pieces, so that a hold-out is more than one or two of them."""

from collections.abc import Iterable, Iterator, Sequence

from scalewright.data.readers import TextDocument

MIN_DOCUMENTS = 40
PIECES = 1_000
"""Pieces that a text is cut into where it suffices, so that a hold-out of a twenty-fifth has about forty: with five, as a
collection of poems once had, the loss rests on a few authors (docs/log.md, 2026-11-24)."""
PIECE_CHARACTERS = 20_000
MIN_PIECE_CHARACTERS = 1_000


def cut_large(documents: Sequence[TextDocument]) -> tuple[list[TextDocument], tuple[str, ...]]:
    """Cuts large documents where there are in effect fewer than 40.

    Documents are counted as Kish (1965) counts weighted observations, (sum s)^2 / sum s^2 of their lengths:
    one large file beside many small ones is still about one. Pieces have a thousandth of the text, but at
    least 1,000 and at most 20,000 characters; joined again they are the document.

    Returns:
        The documents, pieces named `name#1`, `name#2`, ... in their place; and the names of those that were
        cut.
    """
    size = piece_size([len(document.text) for document in documents])
    if size is None:
        return list(documents), ()
    result: list[TextDocument] = []
    cut: list[str] = []
    for document in documents:
        pieces = cut_text(document.text, size)
        if len(pieces) == 1:
            result.append(document)
            continue
        cut.append(document.name)
        result += [TextDocument(f"{document.name}#{n}", piece) for n, piece in enumerate(pieces, start=1)]
    return result, tuple(cut)


def piece_size(lengths: Sequence[int]) -> int | None:
    """Characters of the pieces into which texts of these lengths are to be cut; None where they are enough."""
    total = sum(lengths)
    if total * total >= MIN_DOCUMENTS * sum(length * length for length in lengths):
        return None
    return min(PIECE_CHARACTERS, max(MIN_PIECE_CHARACTERS, total // PIECES))


def cut_text(text: str, size: int) -> list[str]:
    """Pieces of `size` to `2 size` characters that join to `text`; a text shorter than that is one.

    Each ends at the first blank line after `size` characters; failing that at the first line's end, blank,
    or character.
    """
    return list(cut_blocks([text], size))


def cut_blocks(blocks: Iterable[str], size: int) -> Iterator[str]:
    """The pieces of `cut_text`, of a text given in blocks."""
    text = ""
    for block in blocks:
        text += block
        start = 0
        while len(text) - start > 2 * size:
            least, most = start + size, start + 2 * size
            end = least
            for mark in ("\n\n", "\n", " "):
                at = text.find(mark, max(start, least - len(mark)), most)
                if at >= 0:
                    end = at + len(mark)
                    break
            yield text[start:end]
            start = end
        text = text[start:]
    yield text
