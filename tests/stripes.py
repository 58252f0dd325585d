"""Pictures of two classes that a small model tells apart."""

import numpy as np
from PIL import Image

from scalewright.data.prepare_pictures import prepare_pictures


def striped_pictures(root, counts, edge):
    """Noisy pictures with stripes that lie, and that stand, prepared: whatever is shifted or mirrored, they stay so.

    Args:
        root: a folder to make them in.
        counts: pictures of each class, by split.
        edge: pixels of a side.
    """
    generator = np.random.default_rng(0)
    for split, count in counts.items():
        for label in ("lying", "standing"):
            folder = root / split / label
            folder.mkdir(parents=True)
            for number in range(count):
                wave = 90 * np.sin(2 * np.pi * (np.arange(edge) / 8 + generator.random()))
                pixels = 128 + wave[:, None, None] + generator.normal(0, 30, (edge, edge, 3))
                pixels = pixels if label == "lying" else pixels.swapaxes(0, 1)
                Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / f"{number}.png")
    return prepare_pictures([root], root.with_name(f"{root.name}-prepared"), pixels=edge)
