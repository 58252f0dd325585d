"""Files are whole or absent."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalewright.files import atomic_path, content_hash, file_hash, write_atomic

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def test_a_failed_write_leaves_the_old_file_alone(tmp_path):
    path = tmp_path / "kept.txt"
    write_atomic(path, "old")

    def fail():
        with atomic_path(path) as part:
            part.write_text("half of the new")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["kept.txt"]


def test_permissions_follow_the_umask(tmp_path):
    write_atomic(tmp_path / "written", "x")
    (tmp_path / "plain").write_text("x")
    assert (tmp_path / "written").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_hash_of_known_bytes(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    # FIPS 180-4, appendix B.1.
    assert file_hash(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@given(st.dictionaries(st.text(), JSON, max_size=5))
def test_content_hash_does_not_depend_on_the_order_of_keys(content):
    assert content_hash(content) == content_hash(dict(reversed(content.items())))


def test_content_hash_refuses_what_json_cannot_say():
    with pytest.raises(ValueError, match="Out of range"):
        content_hash({"x": float("nan")})
