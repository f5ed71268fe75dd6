"""Which documents a class takes, and how often they train."""

import itertools
import json
import time
from pathlib import Path

import numpy as np

from dolma_pipe.learn.lines import chosen_lines
from dolma_pipe.learn.samples import ClassRead, Sample, read_sample
from dolma_pipe.learn.settings import SampleSettings, TrainSettings
from dolma_pipe.passes.context import Nobody


def write(path: Path, texts: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))


def test_the_order_of_files_never_counts(tmp_path: Path) -> None:
    """A small text between the last that fits and the first that does not is taken, also where it
    comes after both."""
    texts = [
        f"{k} " + "x" * size for k, size in enumerate((800_000, 100_000, 2_900_000, 2_900_000))
    ]
    found = set()
    for case, order in enumerate(itertools.permutations(range(4))):
        for place, k in enumerate(order):
            write(tmp_path / f"{case}" / f"{place}.jsonl", [texts[k]])
        write(tmp_path / "other" / "x.jsonl", ["other"])
        sample = read_sample(
            {"hq": [str(tmp_path / f"{case}")], "lq": [str(tmp_path / "other")]},
            tmp_path / f"spool{case}",
            SampleSettings(max_megabytes=1),
            Nobody(),
        )
        found.add(tuple(sorted(sample.keys[sample.labels == 0].tolist())))
    assert len(found) == 1


def test_a_class_of_one_is_repeated_in_linear_time() -> None:
    many = 200_000
    keys = np.arange(1, many + 2, dtype=np.uint64)
    nothing = np.zeros(many + 1, np.int64)
    sample = Sample(
        (ClassRead("hq", ()), ClassRead("lq", ())),
        np.zeros(0, np.uint8),
        nothing,
        nothing,
        (np.arange(many + 1) > 0).astype(np.int32),
        keys,
        nothing,
        nothing.astype(np.float64),
    )
    started = time.perf_counter()
    rows = chosen_lines(sample, np.zeros(many + 1, np.bool_), TrainSettings())
    assert time.perf_counter() - started < 20
    assert np.bincount(rows).tolist() == [many, *[1] * many]
