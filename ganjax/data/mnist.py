"""MNIST and Fashion-MNIST, from the idx files in which they are published."""

import numpy as np

from ganjax.data.files import DataError, find_files
from ganjax.data.idx import read_idx
from ganjax.data.images import DIGITS, few_labels, resident
from ganjax.types import Source

_SHAPE = (28, 28)
_CLASSES = 10
_GARMENTS = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)

# The SHA-256 sums of the files: of each split the images, then the labels.
_Sums = dict[str, dict[str, str]]

# The authors' own server has long refused downloads; this mirror holds its files.
_MNIST_URL = "https://ossci-datasets.s3.amazonaws.com/mnist/"
_MNIST: _Sums = {
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
_FASHION_MNIST: _Sums = {
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


def mnist(
    *, directory: str, split: str, labelled: int, labelled_share: float
) -> Source:
    """Handwritten digits, 28 x 28 x 1, ten classes; 60,000 to train, 10,000 to test.

    Y. LeCun, L. Bottou, Y. Bengio and P. Haffner 1998, "Gradient-Based Learning Applied
    to Document Recognition".

    Args:
      directory: that holds the files; "" for `$GANJAX_DATA/mnist`, else a download.
      split: "train" or "test".
      labelled: see `few_labels`.
      labelled_share: see `few_labels`.

    Raises:
      DataError: a file is missing or damaged, or so many cannot be labelled.
    """
    source = _read("mnist", _MNIST[split], DIGITS, directory=directory, url=_MNIST_URL)
    return few_labels(source, labelled=labelled, labelled_share=labelled_share)


def fashion_mnist(
    *, directory: str, split: str, labelled: int, labelled_share: float
) -> Source:
    """Zalando's articles of clothing, of the same form as `mnist`.

    H. Xiao, K. Rasul and R. Vollgraf 2017, "Fashion-MNIST: a Novel Image Dataset for
    Benchmarking Machine Learning Algorithms".

    Args:
      directory: that holds the files; "" for `$GANJAX_DATA/fashion_mnist`, else a
        download.
      split: "train" or "test".
      labelled: see `few_labels`.
      labelled_share: see `few_labels`.

    Raises:
      DataError: a file is missing or damaged, or so many cannot be labelled.
    """
    source = _read(
        "fashion_mnist",
        _FASHION_MNIST[split],
        _GARMENTS,
        directory=directory,
        url=_FASHION_MNIST_URL,
    )
    return few_labels(source, labelled=labelled, labelled_share=labelled_share)


# Of one split only, so that a folder that holds nothing else is enough for it.
def _read(
    name: str,
    files: dict[str, str],
    class_names: tuple[str, ...],
    *,
    directory: str,
    url: str,
) -> Source:
    found = find_files(name, files, directory=directory, url=url)
    image_path, label_path = found.values()
    images, labels = read_idx(image_path), read_idx(label_path)
    if images.shape[1:] != _SHAPE or not len(images):
        raise DataError(f"{image_path}: {_sizes(images)} is not images of 28 x 28")
    if labels.ndim != 1:
        raise DataError(f"{label_path}: {_sizes(labels)} is not a list of labels")
    if len(images) != len(labels):
        raise DataError(
            f"{image_path} holds {len(images)} images, but {label_path} {len(labels)} "
            "labels"
        )
    if labels.max() >= _CLASSES:
        raise DataError(f"{label_path}: {labels.max()} is no label from 0 to 9")
    return resident(
        images[..., None], labels, classes=_CLASSES, class_names=class_names
    )


def _sizes(array: np.ndarray) -> str:
    return " x ".join(map(str, array.shape))
