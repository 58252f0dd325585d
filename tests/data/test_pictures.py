"""Pictures prepared from folders and tars: what lies there is what is read back."""

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
from PIL import Image

from scalewright.data.picture_files import find_pictures
from scalewright.data.pictures import Pictures
from scalewright.data.prepare_pictures import prepare_pictures
from scalewright.errors import InputError, WorkError


def png(seed, size=(13, 9)):
    """A picture of random pixels [rows, columns, 3] and its file's content."""
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    return pixels, content.getvalue()


def write(root, names, **options):
    for number, name in enumerate(names):
        path = Path(root, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(number, **options)[1])


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "clothes"
    write(root, [f"{split}/{label}/{n}.png" for split, count in (("train", 6), ("val", 2), ("test", 3))
                 for label in ("hat", "shirt") for n in range(count)])  # fmt: skip
    return root


def test_what_is_read_back_is_what_was_there(folder, tmp_path):
    pictures = prepare_pictures([folder], tmp_path / "out", pixels=9)
    manifest = pictures.manifest
    assert manifest.classes == ("hat", "shirt")
    assert {name: part.pictures for name, part in manifest.splits.items()} == {"train": 12, "validation": 4, "test": 6}
    assert manifest.splits["train"].of_each_class == (6, 6)
    found, labels = pictures.split("train").take(np.arange(12))
    assert labels.tolist() == 6 * [0] + 6 * [1]
    # 13 x 9: the middle 9 columns, nothing to be scaled.
    assert all(np.array_equal(picture, png(number)[0][:, 2:11]) for number, picture in enumerate(found))


def test_a_split_s_folder_may_be_named_itself(folder, tmp_path):
    parts = [folder / name for name in ("train", "val", "test")]
    apart = prepare_pictures(parts, tmp_path / "a", pixels=8)
    assert {name: part.pictures for name, part in apart.manifest.splits.items()} == {
        "train": 12, "validation": 4, "test": 6,
    }  # fmt: skip


def test_a_class_whose_pictures_are_all_held_out_is_named(tmp_path):
    write(tmp_path / "in", [f"{split}/{label}/{split}.png" for label in "ab" for split in ("train", "val", "test")])
    held_out = (tmp_path / "in" / "test" / "b" / "test.png").read_bytes()
    (tmp_path / "in" / "train" / "b" / "train.png").write_bytes(held_out)
    with pytest.raises(InputError, match="class 'b': none of its pictures is left"):
        prepare_pictures([tmp_path / "in"], tmp_path / "out", pixels=8)
    assert not (tmp_path / "out").exists()


def test_a_link_to_nowhere_is_no_picture(folder, tmp_path):
    (folder / "train" / "hat" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    assert prepare_pictures([folder], tmp_path / "out", pixels=8).manifest.splits["train"].pictures == 12


def test_a_tar_is_the_folder_it_holds(folder, tmp_path):
    with tarfile.open(tmp_path / "clothes.tar", "w") as archive:
        archive.add(folder, "clothes")
    from_tar = prepare_pictures([tmp_path / "clothes.tar"], tmp_path / "a", pixels=8)
    assert from_tar.hash == prepare_pictures([folder], tmp_path / "b", pixels=8).hash


def test_many_are_decoded_in_processes(tmp_path):
    root = tmp_path / "many"
    write(root, [f"{label}/{n:03}.png" for label in "ab" for n in range(150)], size=(4, 4))
    pictures = prepare_pictures([root], tmp_path / "out", pixels=4)
    parts = pictures.manifest.splits
    assert {name: part.of_each_class for name, part in parts.items()} == {
        "train": (120, 120), "validation": (15, 15), "test": (15, 15),
    }  # fmt: skip
    drawn = [pictures.split(name).take(np.arange(part.pictures))[0] for name, part in parts.items()]
    everything = {picture.tobytes() for picture in np.concatenate(drawn)}
    assert everything == {png(n, (4, 4))[0].tobytes() for n in range(300)}


def test_the_same_again_is_not_made_again(folder, tmp_path):
    first = prepare_pictures([folder], tmp_path / "out", pixels=8)
    made = (tmp_path / "out" / "manifest.json").stat().st_ino
    assert prepare_pictures([folder], tmp_path / "out", pixels=8) == first
    assert (tmp_path / "out" / "manifest.json").stat().st_ino == made
    assert prepare_pictures([folder], tmp_path / "out", pixels=10).hash != first.hash


def test_a_picture_of_the_test_split_is_not_trained_on(folder, tmp_path):
    (folder / "train" / "hat" / "again.png").write_bytes((folder / "test" / "shirt" / "0.png").read_bytes())
    manifest = prepare_pictures([folder], tmp_path / "out", pixels=8).manifest
    assert manifest.duplicates_removed == 1
    assert (manifest.splits["train"].pictures, manifest.splits["test"].pictures) == (12, 6)


def test_damaged_pictures_are_left_out_and_named(folder, tmp_path):
    path = folder / "train" / "hat" / "0.png"
    path.write_bytes(path.read_bytes()[:60])
    manifest = prepare_pictures([folder], tmp_path / "out", pixels=8).manifest
    assert manifest.skipped_count == 1
    assert manifest.skipped[0].name == "train/hat/0.png"
    assert "could not be read: 1 of the files" in manifest.warnings[0]
    assert manifest.splits["train"].pictures == 11


def test_turned_and_grey_pictures_are_upright_and_coloured(tmp_path):
    root, grey = tmp_path / "one", np.arange(16, dtype=np.uint8).reshape(4, 4)
    for number, label in enumerate("aaab"):
        path = root / "train" / label / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        turned = Image.Exif()
        turned[0x0112] = 6  # turned by a quarter, counter-clockwise
        Image.fromarray(grey + number).save(path, exif=turned)
    found, _ = prepare_pictures([root], tmp_path / "out", pixels=4).split("train").take(np.arange(1))
    assert any(np.array_equal(found[0], np.stack(3 * [np.rot90(grey + n, -1)], -1)) for n in range(3))


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([], "no picture there"),
        (["x.png"], "x.png: lies in no folder that names its class"),
        (["train/a/x.png", "a/y.png"], "a/y.png: lies in no split"),
        (["test/a/x.png"], "no picture lies in train/"),
    ],
)
def test_folders_that_are_none(tmp_path, names, said):
    (tmp_path / "root").mkdir()
    write(tmp_path / "root", names)
    with pytest.raises(InputError, match=said):
        find_pictures(["root"], tmp_path)


def test_other_things_that_cannot_be_prepared(folder, tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        prepare_pictures(["nowhere"], tmp_path / "out", pixels=8, base=tmp_path)
    with tarfile.open(tmp_path / "small.tar.gz", "w:gz") as archive:
        archive.add(folder, "clothes")
    with pytest.raises(InputError, match="unpack it"):
        prepare_pictures([tmp_path / "small.tar.gz"], tmp_path / "out", pixels=8)
    write(folder / "test" / "sock", ["x.png"])
    with pytest.raises(InputError, match="class 'sock'"):
        prepare_pictures([folder], tmp_path / "out", pixels=8)
    for path in (folder / "train").rglob("*.png"):
        path.write_bytes(b"no picture")
    (folder / "test" / "sock" / "x.png").unlink()
    with pytest.raises(InputError, match="train: none of 12 pictures is left: train/"):
        prepare_pictures([folder], tmp_path / "out", pixels=8)
    assert not (tmp_path / "out").exists()


def test_damage_is_found(folder, tmp_path):
    prepare_pictures([folder], tmp_path / "out", pixels=8)
    shard = tmp_path / "out" / "train-00000.bin"
    content = bytearray(shard.read_bytes())
    content[5] ^= 1
    shard.write_bytes(content)
    Pictures.open(tmp_path / "out")
    with pytest.raises(WorkError, match=r"train-00000\.bin: damaged"):
        Pictures.open(tmp_path / "out", verify_checksums=True)
    shard.write_bytes(content[:-1])
    with pytest.raises(WorkError, match=r"train-00000\.bin: damaged"):
        Pictures.open(tmp_path / "out")
