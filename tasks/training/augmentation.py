"""Change images a little while a network learns from them, so that few rows teach as many would."""

from __future__ import annotations

from dataclasses import dataclass
from math import radians
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Generator, Tensor


@dataclass(frozen=True)
class Distortion:
    """Random affine maps of flat images (rows, height x width), zeros outside; each amount is the largest taken.

    `rotation` is in degrees; `shift`, `zoom` and `shear` are shares of the image's side.
    """

    shape: tuple[int, int]
    shift: float = 0.1
    rotation: float = 10.0
    zoom: float = 0.1
    shear: float = 0.1

    def __call__(self, images: Tensor, generator: Generator) -> Tensor:
        """New images of the same shape, drawn with the generator (a CPU one, so that devices draw alike)."""
        from torch.nn.functional import affine_grid, grid_sample

        height, width = self.shape
        maps = self._maps(len(images), generator).to(images.device)
        grid = affine_grid(maps, [len(images), 1, height, width], align_corners=False)
        return grid_sample(images.view(-1, 1, height, width), grid, align_corners=False).flatten(1)

    def _maps(self, count: int, generator: Generator) -> Tensor:
        """One 2 by 3 matrix a row, in the coordinates of affine_grid: the image spans -1 to 1."""
        import torch

        largest = torch.tensor([radians(self.rotation), self.zoom, self.zoom, self.shear,
                                2 * self.shift, 2 * self.shift])
        angle, tall, wide, slant, right, down = (2 * torch.rand(count, 6, generator=generator) - 1).mul(largest).T
        cosine, sine = angle.cos(), angle.sin()
        return torch.stack([torch.stack([(1 + tall) * cosine, slant - (1 + wide) * sine, right], 1),
                            torch.stack([(1 + tall) * sine, (1 + wide) * cosine, down], 1)], 1)
