"""Small corpora, the same everywhere, and what `prepare` makes of them held against a plain reference."""

import gzip
import itertools
import json
import lzma
import random
from pathlib import Path

import numpy as np

from scalewright.data import byte_tokenizer, distinct, near_duplicates, read_documents, split, train_bpe
from scalewright.data.order import permutation
from scalewright.data.pieces import cut_large

VOCABULARY = [f"{a}{b}{c}" for a, b, c in itertools.product("bdfgklmnprst", "aeiou", ["", "n", "st", "rm", "ck"])]


def prose(seed: int, count: int) -> str:
    draw = random.Random(seed)
    return "".join(draw.choice(VOCABULARY) + draw.choice("  \n") for _ in range(count))


def many(folder: Path) -> None:
    """Files with copies, near-copies and one that is no text."""
    for number in range(80):
        (folder / f"{number:02d}.txt").write_text(prose(number, 700 + 10 * number))
    for number in range(5):
        copied = prose(number, 700 + 10 * number)
        (folder / f"near{number}.txt").write_text("A new beginning of it.\n" + copied)
        (folder / f"same{number}.txt").write_text(copied.replace("\n", " \n"))
    (folder / "latin.txt").write_bytes(b"caf\xe9")


def one(folder: Path) -> None:
    """A single file that has to be cut."""
    (folder / "poems.txt").write_text("\n".join(f"{number}\n{prose(number, 40)}\n" for number in range(1500)))


def kinds(folder: Path) -> None:
    """Every kind but Parquet, some of them damaged."""
    rows = [json.dumps({"text": f"{prose(1000 + n, 150)}é 詩{n}\r\nmore"}) for n in range(300)]
    rows[7], rows[9], rows[11], rows[12] = "{", '{"text": 3}', "", '{"text": "\\ud800"}'
    rows[20] = rows[19]
    (folder / "a.jsonl").write_text("\n".join(rows))
    marked = b"\xef\xbb\xbf" + prose(2000, 900).replace("\n", "\r\n").encode()
    (folder / "b.txt.gz").write_bytes(gzip.compress(marked, mtime=0))
    (folder / "c.md.xz").write_bytes(lzma.compress(prose(2001, 900).encode()))
    (folder / "d.txt.xz").write_bytes(lzma.compress(prose(2002, 900).encode())[:-40])
    (folder / "e.txt").write_bytes(b"a\0b")
    (folder / "f.txt").write_bytes(b"\xef\xbb\xbfab\xffc")
    (folder / "g.py").write_text(" \n")
    for n in range(60):
        (folder / f"h{n:02d}.md").write_text(prose(3000 + n, 30 + 7 * n))


def in_memory(base: Path, vocabulary: int, fractions: tuple[float, float], seed: int) -> dict[str, list[int]]:
    """The ids of each split of the texts in `base`, everything held in memory."""
    documents, _ = cut_large(distinct(read_documents(["text"], base).documents))
    sizes = [document.size_bytes for document in documents]
    parts = split(near_duplicates(documents), sizes, fractions, seed)
    texts = {}
    for name in ("train", "validation", "test"):
        indices = np.array(getattr(parts, name))
        texts[name] = [documents[i].text for i in indices[permutation(len(indices), "documents", seed)]]
    tokenizer = byte_tokenizer() if vocabulary == 257 else train_bpe(texts["train"], vocabulary)
    return {
        name: [token for text in part for token in (*tokenizer.encode(text, add_special_tokens=False).ids, 0)]
        for name, part in texts.items()
    }
