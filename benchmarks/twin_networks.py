"""The networks of a config in PyTorch."""

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

Config = Mapping[str, Any]


class _Dense(nn.Sequential):
    def __init__(self, sizes: tuple[int, ...], slope: float, norm: str) -> None:
        layers: list[nn.Module] = []
        *hidden, last = pairwise(sizes)
        for inputs, units in hidden:
            layers.append(nn.Linear(inputs, units, bias=norm == "none"))
            if norm == "batch":
                layers.append(nn.BatchNorm1d(units))
            layers.append(nn.LeakyReLU(slope, inplace=True))
        super().__init__(*layers, nn.Linear(*last))


class Conditioned(nn.Module):
    """A generator that has a vector of the class beside the latents."""

    def __init__(self, body: nn.Module, classes: int, latent: int) -> None:
        super().__init__()
        self.body, self.embedding = body, nn.Embedding(classes, latent)

    def forward(self, latents: Tensor, label: Tensor) -> Tensor:
        """Latents `[B, Z]` and labels `[B]` to examples."""
        return self.body(torch.cat([latents, self.embedding(label)], 1))


class Pixels(nn.Module):
    """Rows to images whose channels lie side by side, without a copy."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, rows: Tensor) -> Tensor:
        """Rows `[B, 7 * 7 * C]` to images `[B, C, 7, 7]`."""
        return rows.view(-1, 7, 7, self.channels).permute(0, 3, 1, 2)


class Rows(nn.Module):
    """The other way."""

    def forward(self, images: Tensor) -> Tensor:
        """Images `[B, C, H, W]` to rows `[B, H * W * C]`."""
        return images.permute(0, 2, 3, 1).flatten(1)


def _dcgan_generator(section: Config, latent: int) -> nn.Module:
    first, second = section["channels"]
    return nn.Sequential(
        nn.Linear(latent, 7 * 7 * first, bias=False),
        Pixels(first),
        nn.BatchNorm2d(first),
        nn.ReLU(inplace=True),
        nn.ConvTranspose2d(first, second, 4, 2, 1, bias=False),
        nn.BatchNorm2d(second),
        nn.ReLU(inplace=True),
        nn.ConvTranspose2d(second, 1, 4, 2, 1),
        nn.Tanh(),
    ).to(memory_format=torch.channels_last)


def _dcgan_discriminator(section: Config) -> nn.Module:
    first, second = section["channels"]
    batch = section["normalization"] == "batch"
    return nn.Sequential(
        nn.Conv2d(1, first, 4, 2, 1),
        nn.LeakyReLU(section["slope"], inplace=True),
        nn.Conv2d(first, second, 4, 2, 1, bias=not batch),
        nn.BatchNorm2d(second) if batch else nn.Identity(),
        nn.LeakyReLU(section["slope"], inplace=True),
        Rows(),
        nn.Linear(7 * 7 * second, 1),
    ).to(memory_format=torch.channels_last)


def make_networks(config: Config, example: tuple[int, ...]) -> dict[str, nn.Module]:
    """The networks of a validated config by player, for examples of this shape."""
    size, made = math.prod(example), {}
    latent = config["game"].get("latent_size", 0)
    for player, section in config["networks"].items():
        if section["name"] == "dcgan":
            made[player] = (
                _dcgan_generator(section, latent)
                if player == "generator"
                else _dcgan_discriminator(section)
            )
            continue
        told = section.get("conditioning") == "embedding"
        outputs = {
            "generator": size,
            "encoder": 2 * latent,
            "discriminator": 1 if section.get("head") == "score" else 10,
        }[player]
        inputs = latent * (2 if told else 1) if player == "generator" else size
        sizes = (inputs, *section["widths"], outputs)
        body: nn.Module = _Dense(sizes, section["slope"], section["normalization"])
        if section.get("output") == "tanh":
            body = nn.Sequential(body, nn.Tanh())
        made[player] = Conditioned(body, 10, latent) if told else body
    return made
