"""The tokenizer of a small model: the same bytes again, of the texts before curation."""

import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dolma_pipe.ablation import vocabulary
from dolma_pipe.ablation.vocabulary import make_vocabulary
from dolma_pipe.errors import InputError
from dolma_pipe.recipe import Recipe
from dolma_pipe.recipe_file import read_recipe
from dolma_pipe.tokenizer import Tokenizer
from tests.corpus import text, write_shard


def recipe(root: Path, name: str, *sources: str) -> Recipe:
    lines = [f"  {source}: {{documents: {root}/{source}/*.zst}}" for source in sources]
    path = root / f"{name}.yaml"
    path.write_text("\n".join([f"name: {name}", "sources:", *lines]))
    return read_recipe(path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for source in ("web", "wiki"):
        rng = random.Random(source)
        rows: list[dict[str, object]] = [
            {"id": str(i), "text": text(rng, 80) + " ünï " * 3} for i in range(50)
        ]
        write_shard(tmp_path / source / "part.jsonl.zst", rows)
    return tmp_path


def test_the_same_texts_give_the_same_bytes_in_another_process(root: Path) -> None:
    recipes = [recipe(root, "a", "web"), recipe(root, "b", "web", "wiki")]
    make_vocabulary(recipes, 400, root / "tokenizer.json")
    code = (
        "from pathlib import Path; from dolma_pipe.recipe_file import read_recipe\n"
        "from dolma_pipe.ablation.vocabulary import make_vocabulary\n"
        f"root = Path({str(root)!r})\n"
        "recipes = [read_recipe(root / 'a.yaml'), read_recipe(root / 'b.yaml')]\n"
        "make_vocabulary(recipes, 400, root / 'again.json')"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    content = (root / "tokenizer.json").read_bytes()
    assert (root / "again.json").read_bytes() == content
    tokenizer = Tokenizer(content, "made")
    assert tokenizer.vocab_size == 400
    assert tokenizer.eos == "<|endoftext|>"


def test_all_text_comes_back(root: Path) -> None:
    make_vocabulary([recipe(root, "a", "web")], 300, root / "tokenizer.json")
    tokenizer = Tokenizer((root / "tokenizer.json").read_bytes(), "made")
    told = "  Größe\t你好 \N{GRINNING FACE}\r\n<|endoftext|> x"
    content = told.encode()
    ids = tokenizer.encode_reference(np.frombuffer(content, np.uint8), np.array([0, len(content)]))
    assert tokenizer.decode(ids.ids) == told
    assert tokenizer.eos_id not in ids.ids.tolist()
    assert int(tokenizer.token_bytes()[ids.ids].sum()) == len(content)


def test_it_is_trained_once_while_the_texts_are_the_same(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[int] = []
    real = vocabulary._trained

    def counted(texts: list[str], ids: int) -> bytes:
        trained.append(len(texts))
        return real(texts, ids)

    monkeypatch.setattr(vocabulary, "_trained", counted)
    recipes = [recipe(root, "a", "web"), recipe(root, "b", "web", "wiki")]
    for _ in range(2):
        make_vocabulary(recipes, 400, root / "tokenizer.json")
    assert trained == [100]  # the documents that both have are taken once
    write_shard(root / "wiki/part.jsonl.zst", [{"id": "0", "text": "other"}])
    make_vocabulary(recipes, 400, root / "tokenizer.json")
    assert trained == [100, 51]


def test_each_source_has_the_same_part_of_the_sample(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vocabulary, "SAMPLE_BYTES", 4_000)
    write_shard(root / "wiki/second.jsonl.zst", [{"id": "0", "text": "y" * 1500}])
    texts = list(vocabulary._sample([recipe(root, "a", "web", "wiki")]))
    sizes = {name: sum(len(t.encode()) for t in of) for name, of in _by_letter(texts).items()}
    assert 1_000 <= sizes["y"] <= 1_500
    assert 3_000 <= sizes["other"] < 4_500


def _by_letter(texts: list[str]) -> dict[str, list[str]]:
    return {
        "y": [t for t in texts if t.startswith("yy")],
        "other": [t for t in texts if not t.startswith("yy")],
    }


def test_a_shard_that_is_cut_off_and_bad_lines_are_passed_over(root: Path) -> None:
    whole = (root / "web/part.jsonl.zst").read_bytes()
    (root / "web/part.jsonl.zst").write_bytes(whole[: len(whole) // 2])
    (root / "wiki/bad.jsonl").write_text('{"id": 1}\nno json\n{"id": "3", "text": "good"}\n')
    both = recipe(root, "a", "web", "wiki")
    (root / "a.yaml").write_text((root / "a.yaml").read_text().replace("wiki/*.zst", "wiki/*"))
    both = read_recipe(root / "a.yaml")
    assert "good" in list(vocabulary._sample([both]))


def test_no_text_is_refused(root: Path) -> None:
    for source in ("web", "wiki"):
        write_shard(root / source / "part.jsonl.zst", [])
    with pytest.raises(InputError, match="no text in the documents"):
        make_vocabulary([recipe(root, "a", "web")], 400, root / "tokenizer.json")
