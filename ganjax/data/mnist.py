"""MNIST and Fashion-MNIST, from the idx files in which they are published."""

from ganjax.data.files import DataError, find_files
from ganjax.data.idx import read_idx
from ganjax.data.images import DIGITS, few_labels, resident
from ganjax.data.published import PUBLISHED, check_shapes
from ganjax.types import Source

_CLASSES = 10
_GARMENTS = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)


def mnist(
    *, directory: str, split: str, labelled: int, labelled_share: float
) -> Source:
    """Handwritten digits, 28 x 28 x 1, ten classes; 60,000 to train, 10,000 to test.

    Y. LeCun, L. Bottou, Y. Bengio and P. Haffner 1998, "Gradient-Based Learning Applied
    to Document Recognition".

    Args:
      directory: that holds the files; "" for `$GANJAX_DATA/mnist`, or a download.
      split: "train" or "test".
      labelled: see `few_labels`.
      labelled_share: see `few_labels`.

    Raises:
      DataError: a file is missing or damaged, or so many cannot be labelled.
    """
    source = _read("mnist", split, DIGITS, directory=directory)
    return few_labels(source, labelled=labelled, labelled_share=labelled_share)


def fashion_mnist(
    *, directory: str, split: str, labelled: int, labelled_share: float
) -> Source:
    """Zalando's articles of clothing, of the same form as `mnist`.

    H. Xiao, K. Rasul and R. Vollgraf 2017, "Fashion-MNIST: a Novel Image Dataset for
    Benchmarking Machine Learning Algorithms".

    Args:
      directory: that holds the files; "" for `$GANJAX_DATA/fashion_mnist`, or a
        download.
      split: "train" or "test".
      labelled: see `few_labels`.
      labelled_share: see `few_labels`.

    Raises:
      DataError: a file is missing or damaged, or so many cannot be labelled.
    """
    source = _read("fashion_mnist", split, _GARMENTS, directory=directory)
    return few_labels(source, labelled=labelled, labelled_share=labelled_share)


# Of one split only, so that a folder that holds nothing else is enough for it.
def _read(
    name: str, split: str, class_names: tuple[str, ...], *, directory: str
) -> Source:
    published = PUBLISHED[name]
    files = published.splits[split]
    found = find_files(name, files, directory=directory, url=published.url)
    image_path, label_path = found.values()
    images, labels = read_idx(image_path), read_idx(label_path)
    check_shapes(image_path, images.shape, label_path, labels.shape)
    if labels.max() >= _CLASSES:
        raise DataError(f"{label_path}: {labels.max()} is no label from 0 to 9")
    return resident(
        images[..., None], labels, classes=_CLASSES, class_names=class_names
    )
