"""Columns of a batch."""

import numpy as np

from dolma_pipe.columns import label_sums
from dolma_pipe.tagger import Labels


def test_labels_are_counted_with_sizes() -> None:
    labels = Labels(np.array([1, -1, 1, 0, -1], np.int32), ("de", "en", "fr"))
    sizes = np.array([10, 7, 0, 5, 1])
    assert label_sums(labels, sizes) == {None: (2, 8), "de": (1, 5), "en": (2, 10)}
    assert label_sums(Labels(np.zeros(0, np.int32), ("de",)), sizes[:0]) == {}
