"""Networks of a population, stacked by hand: one pass for all members.

Rows come and go with the members innermost, row b * N + n the example b of member n, so
that losses and batches know nothing of members, and halves of a batch are halves of
each member's. Within, what is dense has a leading axis of members, and an image the
members' channels side by side, for convolutions in groups.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from benchmarks.twin_networks import Pixels, Rows


class _Split(nn.Module):
    """Rows `[B * N, F]` to `[N, B, F]`."""

    def __init__(self, members: int) -> None:
        super().__init__()
        self.members = members

    def forward(self, rows: Tensor) -> Tensor:
        return rows.unflatten(0, (-1, self.members)).transpose(0, 1)


class _Merge(nn.Module):
    """The other way."""

    def forward(self, rows: Tensor) -> Tensor:
        return rows.transpose(0, 1).flatten(0, 1)


class _Linear(nn.Module):
    """A linear layer of each member."""

    def __init__(self, each: Sequence[nn.Linear]) -> None:
        super().__init__()
        weights = [layer.weight.detach().t() for layer in each]
        self.weight = nn.Parameter(torch.stack(weights))
        biases = [layer.bias.detach()[None] for layer in each if layer.bias is not None]
        self.bias = nn.Parameter(torch.stack(biases)) if biases else None

    def forward(self, rows: Tensor) -> Tensor:
        if self.bias is None:
            return torch.bmm(rows, self.weight)
        return torch.baddbmm(self.bias, rows, self.weight)


class _Pixels(nn.Module):
    """Rows `[N, B, H * W * C]` to images `[B, N * C, H, W]`."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, rows: Tensor) -> Tensor:
        pixels = rows.unflatten(2, (7, 7, self.channels))
        return pixels.permute(1, 0, 4, 2, 3).flatten(1, 2)


class _Rows(nn.Module):
    """The other way."""

    def __init__(self, members: int) -> None:
        super().__init__()
        self.members = members

    def forward(self, images: Tensor) -> Tensor:
        each = images.unflatten(1, (self.members, -1))
        return each.permute(1, 0, 3, 4, 2).flatten(2)


class _Together(nn.Module):
    """Images `[B * N, C, H, W]` to `[B, N * C, H, W]`."""

    def __init__(self, members: int) -> None:
        super().__init__()
        self.members = members

    def forward(self, images: Tensor) -> Tensor:
        return images.unflatten(0, (-1, self.members)).flatten(1, 2)


class _Apart(nn.Module):
    """The other way."""

    def __init__(self, members: int) -> None:
        super().__init__()
        self.members = members

    def forward(self, images: Tensor) -> Tensor:
        return images.unflatten(1, (self.members, -1)).flatten(0, 1)


def _grouped(each: Sequence[nn.Conv2d]) -> nn.Conv2d:
    """Convolutions, or transposed ones, as one whose groups are the members."""
    first, members = each[0], len(each)
    grouped = type(first)(
        members * first.in_channels,
        members * first.out_channels,
        first.kernel_size,
        first.stride,
        first.padding,
        groups=members,
        bias=first.bias is not None,
    )
    with torch.no_grad():
        for name, parameter in grouped.named_parameters():
            parameter.copy_(torch.cat([layer.get_parameter(name) for layer in each]))
    return grouped


def _layers(net: nn.Module) -> list[nn.Module]:
    """Those of nested sequences, in a row."""
    if isinstance(net, nn.Sequential):
        return [layer for inner in net for layer in _layers(inner)]
    return [net]


def _layer(each: Sequence[nn.Module]) -> nn.Module:
    """One layer of all members."""
    first, members = each[0], len(each)
    if isinstance(first, nn.Linear):
        return _Linear(each)
    if isinstance(first, nn.Conv2d | nn.ConvTranspose2d):
        return _grouped(each)
    if isinstance(first, nn.BatchNorm2d):
        return nn.BatchNorm2d(members * first.num_features)
    if isinstance(first, Pixels):
        return _Pixels(first.channels)
    if isinstance(first, Rows):
        return _Rows(members)
    return first  # without parameters, and number by number


def _network(each: Sequence[nn.Module]) -> nn.Module:
    layers = [_layer(same) for same in zip(*map(_layers, each), strict=True)]
    first, *_, last = (
        x for x in layers if isinstance(x, _Linear | nn.Conv2d | nn.ConvTranspose2d)
    )
    before = (_Split if isinstance(first, _Linear) else _Together)(len(each))
    after = _Merge() if isinstance(last, _Linear) else _Apart(len(each))
    return nn.Sequential(before, *layers, after)


def stack(
    members: Sequence[Mapping[str, nn.Module]],
) -> dict[str, nn.Module]:
    """The members' networks as one, by player."""
    return {player: _network([m[player] for m in members]) for player in members[0]}


@torch.no_grad()
def check(
    members: Sequence[Mapping[str, nn.Module]],
    stacked: Mapping[str, nn.Module],
    inputs: Mapping[str, Tensor],
) -> None:
    """Whether each member says of its rows what it says alone.

    Raises:
      AssertionError: it does not.
    """
    for player, rows in inputs.items():
        own = [rows[n :: len(members)] for n in range(len(members))]
        alone = [m[player](x) for m, x in zip(members, own, strict=True)]
        together = stacked[player](rows).unflatten(0, (-1, len(members)))
        torch.testing.assert_close(
            together, torch.stack(alone, 1), rtol=1e-3, atol=1e-4
        )
