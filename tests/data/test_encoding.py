import os
import signal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from scalewright.data import byte_tokenizer, load_tokenizer, train_bpe
from scalewright.data.encoding import Encoder, blocks, encoded
from scalewright.data.text_store import StoredTexts
from scalewright.data.tokenizer import END_OF_TEXT_ID
from scalewright.data.workers import Workers
from scalewright.errors import WorkError
from scalewright.files import file_hash

ALPHABET = "ab'st .,\n\n\n\t\r1é詩。\u3000\x1c\x85\u2003\u0301𝄞"
LEARNED = ["a b\nb a\n\nab's  st\n" * 50, "詩。\n詩é st\n\n\n  ab\n" * 50, " \n  \n\n\t" * 100]


@pytest.fixture(scope="module", params=["bytes", "bpe"])
def tokenizer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = byte_tokenizer() if request.param == "bytes" else train_bpe(LEARNED, 330)
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    path.write_text(made.to_str())
    return path


def stored(folder: Path, texts: list[str]) -> StoredTexts:
    contents = [text.encode() for text in texts]
    (folder / "texts.bin").write_bytes(b"".join(contents))
    sizes = np.array([len(content) for content in contents], dtype=np.int64)
    return StoredTexts(folder / "texts.bin", np.cumsum(sizes) - sizes, sizes)


def ids_of(tokenizer: Tokenizer, texts: list[str]) -> list[int]:
    found = (tokenizer.encode(text, add_special_tokens=False).ids for text in texts)
    return [token for ids in found for token in (*ids, END_OF_TEXT_ID)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(texts=st.lists(st.text(ALPHABET, min_size=1, max_size=150), min_size=1, max_size=6), size=st.integers(1, 60))
def test_parts_of_documents_are_encoded_like_the_whole(tmp_path: Path, tokenizer: Path, texts: list[str], size: int):
    kept = stored(tmp_path, texts)
    encode = Encoder(kept.path, tokenizer, file_hash(tokenizer), "uint16")
    found = [encode(block) for block in blocks(kept, size)]
    assert all(ids.dtype == np.uint16 for ids in found)
    assert np.concatenate(found).tolist() == ids_of(load_tokenizer(tokenizer), texts)


def test_a_long_document_of_lines_is_parted_one_without_is_not(tmp_path: Path):
    lines, one = "a line\n" * 100, "blank \n" * 100
    parts = [stretch for block in blocks(stored(tmp_path, [lines, one]), 50) for stretch in block]
    assert max(part.size for part in parts[:-1]) <= 100
    assert parts[-1] == (len(lines), len(one), True)
    assert [part.ends for part in parts] == [False] * (len(parts) - 2) + [True, True]
    assert len(parts) > 10


def test_any_number_of_processes_gives_the_same_blocks(
    tmp_path: Path, tokenizer: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("scalewright.data.encoding.BLOCK_BYTES", 200)
    texts = stored(tmp_path, [f"document {number}\n" * (number % 17) + "end" for number in range(60)])
    encoder = Encoder(texts.path, tokenizer, file_hash(tokenizer), "uint16")
    one = list(encoded(encoder, texts, Workers(1)))
    assert len(one) > 15
    with Workers(3) as workers:
        found = list(encoded(encoder, texts, workers, 5))
    assert len(found) == len(one) - 5
    assert all(np.array_equal(a, b) for a, b in zip(found, one[5:], strict=True))


def test_a_lost_process_is_told(tmp_path: Path):
    with Workers(2) as workers, pytest.raises(WorkError, match=r"prepared data was lost .*call again to go on"):
        list(workers.in_order(_lost, range(9)))


def _lost(number: int) -> int:
    if number == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return number
