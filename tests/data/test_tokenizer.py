import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from scalewright.data import byte_tokenizer, choose_vocabulary, load_tokenizer, train_bpe
from scalewright.data.tokenizer import (
    BYTES_PER_TOKEN_LEARNED,
    END_OF_TEXT,
    END_OF_TEXT_ID,
    vocabulary_asked,
)
from scalewright.errors import InputError, WorkError

TEXTS = [f"The {n} ships sailed by night; café, 秦川雄帝宅 and {n * 7} more.\n\n\tEnd {n}" for n in range(300)]

TRAIN = """
import sys
from scalewright.data import train_bpe
texts = [" ".join(f"{chr(97 + n * k % 26)}{chr(97 + n % 11)}{n % 5}" for k in range(60)) for n in range(400)]
sys.stdout.write(train_bpe(texts, 500).to_str())
"""


@pytest.fixture(scope="module", params=["bpe", "bytes"])
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    return train_bpe(TEXTS, 400) if request.param == "bpe" else byte_tokenizer()


@given(st.text())
def test_round_trip_is_lossless(tokenizer: Tokenizer, text: str):
    assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False).ids, skip_special_tokens=False) == text


@pytest.mark.parametrize("text", [END_OF_TEXT, f"a{END_OF_TEXT}b", " lead", "\r\n\r", "\ufeff", "👩‍🚀", "e\u0301"])
def test_round_trip_of_what_tokenizers_trip_over(tokenizer: Tokenizer, text: str, tmp_path: Path):
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    loaded = load_tokenizer(tmp_path / "tokenizer.json")
    for each in (tokenizer, loaded):
        ids = each.encode(text, add_special_tokens=False).ids
        assert END_OF_TEXT_ID not in ids
        assert each.decode(ids, skip_special_tokens=False) == text


def test_the_end_of_text_is_known_to_other_readers_of_the_file(tokenizer: Tokenizer, tmp_path: Path):
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    plain = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert plain.token_to_id(END_OF_TEXT) == END_OF_TEXT_ID
    assert plain.decode([END_OF_TEXT_ID]) == ""
    assert plain.decode([END_OF_TEXT_ID], skip_special_tokens=False) == END_OF_TEXT


def test_bytes_are_one_token_a_byte():
    tokenizer = byte_tokenizer()
    assert tokenizer.get_vocab_size() == 257
    text = "".join(map(chr, range(0x800))) + "秦👩‍🚀"
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    assert len(ids) == len(text.encode())
    byte_of: dict[int, int] = {}
    for token, byte in zip(ids, text.encode(), strict=True):
        assert byte_of.setdefault(token, byte) == byte


def test_every_vocabulary_begins_with_the_bytes():
    trained = train_bpe(TEXTS, 400)
    assert trained.get_vocab_size() == 400
    assert [trained.id_to_token(token) for token in range(257)] == [byte_tokenizer().id_to_token(t) for t in range(257)]


def test_the_first_merge_is_the_most_frequent_pair():
    # The pre-tokenizer cuts it into "xyxyxy", " xy", " zx": "xy" is there 4 times, no other as often.
    merges = json.loads(train_bpe(["xyxyxy xy zx"], 260).to_str())["model"]["merges"]
    assert merges[0] == ["x", "y"]


def test_training_is_the_same_in_any_process_and_on_any_threads():
    outputs = []
    for threads, parallel, hash_seed in (("1", "false", "1"), ("4", "true", "2")):
        settings = {
            "RAYON_NUM_THREADS": threads,
            "TOKENIZERS_PARALLELISM": parallel,
            "PYTHONHASHSEED": hash_seed,
        }
        command = [sys.executable, "-c", TRAIN]
        outputs.append(subprocess.run(command, env=os.environ | settings, capture_output=True, check=True).stdout)
    assert len(json.loads(outputs[0])["model"]["merges"]) == 500 - 257
    assert outputs[0] == outputs[1]


def test_training_reads_no_more_text_than_the_vocabulary_needs():
    sentence = "one two three four five six seven eight. "
    enough = [sentence * 100] * (BYTES_PER_TOKEN_LEARNED * 300 // (len(sentence) * 100) + 1)
    with_more = train_bpe([*enough, "zqzqzqzq " * 100_000], 300)
    assert with_more.to_str() == train_bpe(enough, 300).to_str()


@pytest.mark.parametrize(
    ("text_bytes", "size"),
    # 0.25 sqrt(bytes): 111.8, 842, 2193, 7906, 790,569.
    [(199_999, 257), (200_000, 512), (11_350_000, 1024), (77_000_000, 2048), (10**9, 8192), (10**13, 65_536)],
)
def test_vocabulary_for_so_much_text(text_bytes: int, size: int):
    chosen, reason = choose_vocabulary(text_bytes)
    assert chosen == size
    assert f"{text_bytes:,} bytes" in reason.text


@given(st.integers(200_000, 10**14))
def test_the_vocabulary_is_the_nearest_power_of_two(text_bytes: int):
    size, _ = choose_vocabulary(text_bytes)
    ideal = min(max(math.sqrt(text_bytes) / 4, 512), 65_536)
    assert abs(math.log2(size / ideal)) <= 0.5 + 1e-9
    assert size & (size - 1) == 0


def test_the_user_may_ask():
    assert vocabulary_asked("bytes", 10**9)[0] == 257
    assert vocabulary_asked("bpe:5000", 10**9)[0] == 5000
    assert vocabulary_asked("auto", 10**9)[0] == 8192


@pytest.mark.parametrize("option", ["", "word", "bpe", "bpe:257", "bpe:-3", "bpe:x", "bpe:99999999", "bytes:3"])
def test_wrong_options(option: str):
    with pytest.raises(InputError, match="expected auto, bytes or bpe:SIZE"):
        vocabulary_asked(option, 10**9)


def test_damaged_tokenizer(tmp_path: Path):
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(WorkError, match=r"tokenizer\.json"):
        load_tokenizer(tmp_path / "tokenizer.json")
