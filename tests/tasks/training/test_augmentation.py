from __future__ import annotations

import torch

from tasks.training.augmentation import Distortion

STILL = Distortion((6, 8), shift=0.0, rotation=0.0, zoom=0.0, shear=0.0)


def spots(rows: int = 400) -> torch.Tensor:
    images = torch.zeros(rows, 6, 8)
    images[:, 2, 3] = 1.0
    return images.flatten(1)


def test_no_distortion_changes_nothing() -> None:
    images = torch.rand(5, 48)
    torch.testing.assert_close(STILL(images, torch.Generator()), images)


def test_a_shift_is_a_share_of_each_side() -> None:
    """A spot that moves by up to an eighth of 8 pixels stays in its 3 by 3 neighborhood, and reaches all of it."""
    moved = Distortion((6, 8), shift=1 / 8, rotation=0.0, zoom=0.0, shear=0.0)(
        spots(), torch.Generator().manual_seed(0))
    reached = moved.view(-1, 6, 8).amax(0) > 1e-4
    assert reached[1:4, 2:5].all()
    assert reached.sum() == 9
    twice = torch.zeros(400, 16, 16)
    twice[:, 8, 8] = 1.0
    moved = Distortion((16, 16), shift=1 / 8, rotation=0.0, zoom=0.0, shear=0.0)(
        twice.flatten(1), torch.Generator().manual_seed(0))
    assert (moved.view(-1, 16, 16).amax(0) > 1e-4).sum() == 25


def test_the_generator_alone_decides() -> None:
    distort, images = Distortion((6, 8)), torch.rand(5, 48)
    first, again, other = (distort(images, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first.shape == images.shape


def test_each_amount_moves_the_image() -> None:
    images = torch.rand(5, 48)
    for amount in ({"rotation": 20.0}, {"zoom": 0.2}, {"shear": 0.2}):
        distort = Distortion((6, 8), **{"shift": 0.0, "rotation": 0.0, "zoom": 0.0, "shear": 0.0, **amount})
        assert not torch.allclose(distort(images, torch.Generator().manual_seed(1)), images, atol=1e-2)
