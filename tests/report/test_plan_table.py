"""The table of a plan: columns add up, and labels of documents are harmless on a terminal."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from dolma_pipe.report.plan_table import plan_told
from dolma_pipe.work import Work
from tests.stages.corpus import plan, write_corpus


def test_available_adds_up_without_what_is_held_out(tmp_path: Path) -> None:
    sources = write_corpus(tmp_path, {"web/a": 60, "code/a": 40})
    planned = plan(tmp_path, sources, {"held_out": 0.3})
    rows = {
        line.split()[0]: line.split()[1:] for line in plan_told(planned, buckets=False).split("\n")
    }
    for column in range(4):
        numbers = {
            name: int(rows[name][column].replace(",", "")) for name in ("web", "code", "all")
        }
        assert numbers["all"] == numbers["web"] + numbers["code"]
    assert rows["all"][4] == "1.00"  # every document that is not held out once


def test_labels_are_short_and_harmless(tmp_path: Path) -> None:
    sources = write_corpus(tmp_path, {"web/a": 30})
    path = Work(tmp_path).columns("web/a")
    labels = pa.array([["\x1b[31mred\nline", "long" * 1000][i % 2] for i in range(30)], pa.string())
    table = pq.read_table(path)
    pq.write_table(table.set_column(table.schema.get_field_index("topic"), "topic", labels), path)
    mix = {"groups": {"web": {"by": "topic", "surplus": "spread"}}, "target_tokens": 50}
    table = plan_told(plan(tmp_path, sources, mix), buckets=True)
    assert "\x1b" not in table
    assert max(map(len, table.split("\n"))) < 200
