"""The files of MNIST and Fashion-MNIST as they are published. No jax."""

from pathlib import Path
from typing import NamedTuple

from ganjax.data.files import DataError

_SHAPE = (28, 28)


# The SHA-256 sums of the files: of each split the images, then the labels.
Sums = dict[str, dict[str, str]]

# The authors' own server has long refused downloads; this mirror holds its files.
_MNIST_URL = "https://ossci-datasets.s3.amazonaws.com/mnist/"
_MNIST: Sums = {
    "train": {
        "train-images-idx3-ubyte.gz": (
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"
        ),
        "train-labels-idx1-ubyte.gz": (
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"
        ),
    },
    "test": {
        "t10k-images-idx3-ubyte.gz": (
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"
        ),
        "t10k-labels-idx1-ubyte.gz": (
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"
        ),
    },
}

# Unencrypted, as published: the sums vouch for the files.
_FASHION_MNIST_URL = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
_FASHION_MNIST: Sums = {
    "train": {
        "train-images-idx3-ubyte.gz": (
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"
        ),
        "train-labels-idx1-ubyte.gz": (
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"
        ),
    },
    "test": {
        "t10k-images-idx3-ubyte.gz": (
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"
        ),
        "t10k-labels-idx1-ubyte.gz": (
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"
        ),
    },
}


class Published(NamedTuple):
    """Where a data set is published, and its files by split."""

    url: str
    splits: Sums


PUBLISHED = {
    "mnist": Published(_MNIST_URL, _MNIST),
    "fashion_mnist": Published(_FASHION_MNIST_URL, _FASHION_MNIST),
}


def check_shapes(
    image_path: Path,
    images: tuple[int, ...],
    label_path: Path,
    labels: tuple[int, ...],
) -> None:
    """Checks by the shapes that two files hold images and a label for each.

    Raises:
      DataError: they do not; names the file.
    """
    if images[1:] != _SHAPE or not images[0]:
        raise DataError(f"{image_path}: {_sizes(images)} is not images of 28 x 28")
    if len(labels) != 1:
        raise DataError(f"{label_path}: {_sizes(labels)} is not a list of labels")
    if images[0] != labels[0]:
        raise DataError(
            f"{image_path} holds {images[0]} images, but {label_path} {labels[0]} "
            "labels"
        )


def _sizes(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
