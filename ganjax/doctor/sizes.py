"""How large the doctor's experiments are, and how long it measures. No jax."""

from typing import NamedTuple


class Sizes(NamedTuple):
    """Of experiments: by default most of their time is spent on compiling.

    `ring` and `mnist` are overrides, "KEY=VALUE", of the experiments whose steps are
    timed.
    """

    steps: int = 20  # of the runs whose bits are compared; half of them is a record
    width: int = 16  # units or channels of their networks
    batch: int = 32
    matrix: int = 2048  # rows and columns of the products that are timed
    channels: int = 32  # of the convolutions that are timed
    members: int = 8  # of the pack that is timed
    seconds: float = 0.5  # that each measurement takes at least
    ring: tuple[str, ...] = ()
    mnist: tuple[str, ...] = ()
