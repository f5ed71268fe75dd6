"""The same documents in every format: the same ids, the same text, the same counts, resumable."""

import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from tests.corpus import documents, dolma_pipe, ran
from tests.formats.reading import read

RECIPE = """
name: demo
sources: {{web: {{documents: {documents}{more}}}}}
quality: {{taggers: [gopher], keep: {{gopher.words: [10, 100000]}}}}
content: {{taggers: [pii], mask: {{pii.email: "|||EMAIL_ADDRESS|||"}}}}
"""


def write(folder: Path, rows: list[dict[str, Any]]) -> None:
    """The same rows four times, with a bad one in the middle."""
    folder.mkdir()
    rows = [*rows[:50], {"id": "bad", "text": None, "metadata": {"n": 0}}, *rows[50:]]
    (folder / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "b.jsonl.zst").write_bytes(zstandard.compress((folder / "a.jsonl").read_bytes()))
    table = pa.Table.from_pylist(rows)
    pq.write_table(table, folder / "c.parquet", row_group_size=30)
    with pa.ipc.new_stream(str(folder / "d.arrow"), table.schema) as writer:
        writer.write_table(table, max_chunksize=30)


def curated(root: Path, file: str) -> tuple[list[tuple[str, str, Any]], dict[str, Any]]:
    (root / "mix.yaml").write_text(RECIPE.format(documents=f"data/{file}", more=""))
    dolma_pipe(root, "run", "mix.yaml", "--work", f"work-{file}", "--force")
    [path] = (root / f"work-{file}" / "curated").rglob("*.jsonl.zst")
    lines = zstandard.ZstdDecompressor().decompressobj().decompress(path.read_bytes()).splitlines()
    rows = [json.loads(line) for line in lines]
    record = json.loads((root / f"work-{file}/records/curate/web/{file[0]}.json").read_text())
    counts = {
        k: v for k, v in record["counts"].items() if k not in ("content_hash", "survivors_hash")
    }
    return [(row["id"], row["text"], row["metadata"]) for row in rows], counts


def test_the_same_documents_come_out_of_every_format(tmp_path: Path) -> None:
    write(tmp_path / "data", documents("x", 120))
    first, counts = curated(tmp_path, "a.jsonl")
    assert counts["lines"] == 121 == counts["kept"] + sum(counts["dropped"].values()) + 1
    assert counts["masked_documents"] > 0
    reasons = counts.pop("quarantine_reasons")
    assert sum(reasons.values()) == 1
    for file in ("b.jsonl.zst", "c.parquet", "d.arrow"):
        rows, more = curated(tmp_path, file)
        assert rows == first
        assert sum(more.pop("quarantine_reasons").values()) == 1
        assert more == counts


def test_a_changed_reading_setting_runs_again_and_nothing_else(tmp_path: Path) -> None:
    write(tmp_path / "data", documents("x", 60))
    run = partial(dolma_pipe, tmp_path, "run", "mix.yaml", "--work", "work")
    for more, happens in (("", True), ("", False), (", columns: {id: null}", True)):
        text = RECIPE.format(documents="data/c.parquet", more=more)
        (tmp_path / "mix.yaml").write_text(text)
        run()
        assert (ran(tmp_path / "work") == {"curate web/c"}) == happens


class Ranges(SimpleHTTPRequestHandler):
    """Files with byte ranges, as object stores serve them."""

    def do_GET(self) -> None:
        content = Path(self.translate_path(self.path)).read_bytes()
        asked = self.headers.get("Range", "")
        first, _, last = asked.removeprefix("bytes=").partition("-")
        begin = int(first or 0)
        end = min(int(last) + 1 if last else len(content), len(content))
        self.send_response(206 if asked else 200)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Range", f"bytes {begin}-{end - 1}/{len(content)}")
        self.send_header("Content-Length", str(end - begin))
        self.end_headers()
        self.wfile.write(content[begin:end])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), partial(Ranges, directory=str(tmp_path))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("file", ["a.jsonl", "c.parquet", "d.arrow"])
def test_an_address_is_read_like_a_file(tmp_path: Path, served: str, file: str) -> None:
    write(tmp_path / "data", documents("x", 120))
    kind: Any = {"a": "jsonl", "c": "parquet", "d": "arrow"}[file[0]]
    local = read(tmp_path / "data" / file, kind)
    remote = read(f"{served}/data/{file}", kind)  # type: ignore[arg-type]
    assert remote == local
    assert len(remote.rows) == 120
