import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalewright.data.shards import Shard, TokenStream, token_type, verify, write_shards
from scalewright.errors import WorkError

CHUNKS = [np.arange(5), np.arange(0), np.arange(100, 117), np.array([65_535]), np.arange(3)]
ALL = np.concatenate(CHUNKS)


@pytest.fixture
def shards(tmp_path: Path) -> tuple[Shard, ...]:
    return write_shards(tmp_path, "train", CHUNKS, "uint16", shard_tokens=7)


def test_files_are_little_endian_and_checksummed(tmp_path: Path, shards: tuple[Shard, ...]):
    assert [shard.name for shard in shards] == [f"train-{n:05d}.bin" for n in range(4)]
    assert [shard.tokens for shard in shards] == [7, 7, 7, 5]
    content = [(tmp_path / shard.name).read_bytes() for shard in shards]
    assert b"".join(content) == b"".join(int(token).to_bytes(2, "little") for token in ALL)
    assert [shard.sha256 for shard in shards] == [hashlib.sha256(each).hexdigest() for each in content]


def test_a_whole_number_of_shards(tmp_path: Path):
    shards = write_shards(tmp_path, "test", [np.arange(14)], "uint32", shard_tokens=7)
    assert [shard.tokens for shard in shards] == [7, 7]
    assert (tmp_path / "test-00001.bin").stat().st_size == 28


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> TokenStream:
    folder = tmp_path_factory.mktemp("shards")
    return TokenStream(folder, write_shards(folder, "train", CHUNKS, "uint16", shard_tokens=7), "uint16")


@given(st.slices(len(ALL)).filter(lambda part: part.step in (None, 1)))
def test_slices_across_shards_are_those_of_an_array(stream: TokenStream, part: slice):
    assert len(stream) == len(ALL)
    assert np.array_equal(stream[part], ALL[part])
    assert stream[part].dtype == np.dtype("<u2")


def test_only_steps_of_one(tmp_path: Path, shards: tuple[Shard, ...]):
    with pytest.raises(IndexError, match="step 2"):
        TokenStream(tmp_path, shards, "uint16")[::2]


def test_the_type_holds_every_id():
    assert token_type(65_536) == "uint16"
    assert token_type(65_537) == "uint32"


def test_damage_is_named(tmp_path: Path, shards: tuple[Shard, ...]):
    verify(tmp_path, shards)
    content = (tmp_path / "train-00002.bin").read_bytes()
    (tmp_path / "train-00002.bin").write_bytes(bytes([content[0] ^ 1]) + content[1:])
    TokenStream(tmp_path, shards, "uint16")
    with pytest.raises(WorkError, match=r"train-00002\.bin: damaged"):
        verify(tmp_path, shards)
    (tmp_path / "train-00001.bin").write_bytes(b"123")
    with pytest.raises(WorkError, match=r"train-00001\.bin: damaged, 3 bytes where 14 were written"):
        TokenStream(tmp_path, shards, "uint16")
    (tmp_path / "train-00001.bin").unlink()
    with pytest.raises(WorkError, match=r"train-00001\.bin"):
        TokenStream(tmp_path, shards, "uint16")
