"""One small run that all tests here share: every verdict is in it, and texts that hurt."""

import json
import random
from pathlib import Path

import pytest
import zstandard

from dolma_pipe.browse.api import Api
from dolma_pipe.passes.context import Context
from dolma_pipe.recipe_file import read_recipe
from dolma_pipe.run import run
from dolma_pipe.work import Work
from tests.browse.asking import Asked
from tests.corpus import text, write_shard, write_tokenizer
from tests.inline import Inline

RECIPE = """
name: looked
sources:
  web:  {documents: data/web/*}
  wiki: {documents: data/wiki/*}
quality:
  taggers: [gopher]
  keep: {gopher.words: [8, 120], gopher.stop_words: [1, null]}
content:
  taggers: [pii]
  mask: {pii.email: "|||EMAIL_ADDRESS|||"}
dedup:
  - exact: {}
  - lines: {min_words: 5}
  - minhash: {bands: 30, rows: 3, verify: 0.7}
mix: {upsample: {wiki: 2}}
tokenize: {tokenizer: tokenizer.json}
"""
HOSTILE = (
    "the <script>document.title = 'taken'</script> <img src=x onerror=alert(1)> and of"
    " \u202egnp.exe\u202c to the \x1b[31m red \u200b and javascript:alert(1) of the end"
)
WIDE = (
    "the שלום 👩\u200d👧 e\u0301 and İstanbul of 東京 a@example.org"
    " then 𝔘 b@example.org to the end of it"
)


def documents(source: str, chance: random.Random) -> list[dict[str, object]]:
    """Some of each kind, in three shards."""
    texts = [text(chance, chance.randint(9, 60)) for _ in range(40)]
    texts += ["too short", "kurz", *(" ".join(["word"] * n) for n in (9, 11))]
    texts += [text(chance, 130), text(chance, 200)]
    near = " ".join(texts[5].split()[:-1])
    shared = " ".join(text(chance, 30).split())
    texts += [
        texts[0],
        texts[1],
        f"{near} changed",
        f"{shared}\n{texts[2]} new",
        f"{shared}\n{WIDE}",
    ]
    texts += [HOSTILE, WIDE]
    return [
        {"id": f"{source}-{i}", "text": one, "metadata": {"url": "javascript:alert(2)", "n": i}}
        for i, one in enumerate(texts)
    ]


def write_inputs(root: Path) -> None:
    for source, seed in (("web", 1), ("wiki", 2)):
        rows = documents(source, random.Random(seed))
        for k in range(3):
            write_shard(root / f"data/{source}/{source}-{k}.jsonl.zst", rows[k::3])
    path = root / "data/web/web-1.jsonl.zst"
    lines = zstandard.decompress(path.read_bytes()) + b'no JSON <b>\n{"id": "x"}\n'
    path.write_bytes(zstandard.compress(lines + json.dumps({"id": "web-1", "text": "a"}).encode()))
    write_tokenizer(root / "tokenizer.json")
    (root / "mix.yaml").write_text(RECIPE)


@pytest.fixture(scope="session")
def looked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the run was made: work/looked."""
    root = tmp_path_factory.mktemp("looked")
    write_inputs(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        run(Context(read_recipe(Path("mix.yaml")), Work("work/looked"), Inline()))
    return root


@pytest.fixture
def api(looked: Path, monkeypatch: pytest.MonkeyPatch) -> Asked:
    """What answers about it."""
    monkeypatch.chdir(looked)
    return Asked(Api("work/looked"))
