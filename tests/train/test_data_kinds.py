"""Raw arrays, encoded/ with weights, and what is refused before a training starts, in one line."""

import shutil
from collections import Counter
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pytest

from dolma_pipe.errors import TokensError, TrainError, UserError
from dolma_pipe.stages.pack import PackSettings, pack
from dolma_pipe.tokens import TEMPLATES, TokenArrays, TokenizerStamp, write_manifest
from dolma_pipe.train.config import DataSettings
from dolma_pipe.train.data import Instances, fit_model, open_instances
from tests.made_tokens import EOS, make_tokens
from tests.token_arrays import write_dolma, write_llmc, write_megatron
from tests.train.test_data import (
    LENGTHS,
    S,
    everything,
    in_documents,
    in_stream,
    make_conversations,
    opened,
    pairs,
)

DOCUMENTS = [[*range(10 * n + 1, 10 * n + 8), EOS] for n in range(5)]
STREAM = [i for ids in DOCUMENTS for i in ids]
RAW = {"eos_id": EOS, "vocab_size": 100}


def raw(tokens: Path | str, **settings: object) -> Instances:
    given = {"tokens": str(tokens), "length": 6, "dtype": "uint16", **RAW, **settings}
    return open_instances(msgspec.convert(given, DataSettings))


def write_olmo(path: Path) -> None:
    write_dolma(path, DOCUMENTS)


def write_npy(path: Path) -> None:
    np.save(path, np.array(STREAM, np.uint16))


def write_bin(path: Path) -> None:
    write_megatron(path, [[ids] for ids in DOCUMENTS])


@pytest.mark.parametrize(
    ("name", "write", "dtype"),
    [("a.npy", write_olmo, "uint16"), ("a.npy", write_npy, None), ("a.bin", write_bin, None)],
)
def test_arrays_of_other_tools(tmp_path: Path, name: str, write, dtype: str | None) -> None:  # type: ignore[no-untyped-def]
    write(tmp_path / name)
    for tokens in (tmp_path / name, tmp_path, tmp_path / "*.npy"):
        if tokens.suffix != ".npy" or name == "a.npy":
            instances = raw(tokens, dtype=dtype, mask_documents=True)
            assert pairs(everything(instances)) == Counter(
                pair for ids in DOCUMENTS for pair in pairwise(ids)
            )
    assert pairs(everything(raw(tmp_path, dtype=dtype))) == Counter(pairwise(STREAM))
    source = "a" if write is write_bin else tmp_path.name
    assert instances.sources == {source: len(STREAM)}
    assert instances.tokenizer is None
    told = {"a.npy": "id-0 (old/a.gz:1)", "a.bin": f"a:1 ({tmp_path}/a.bin:1)"}[name]
    if write is write_npy:
        told = f"{tmp_path}/a.npy: tokens 0 to 7"
    assert instances.told([0]) == [told]


def test_the_end_of_text_may_stand_first(tmp_path: Path) -> None:
    write_llmc(tmp_path / "a.bin", [EOS, *STREAM[:-1]])
    batch = everything(raw(tmp_path, mask_documents=True))
    turned = [[EOS, *ids[:-1]] for ids in DOCUMENTS]
    assert pairs(batch) == Counter(pair for ids in turned for pair in pairwise(ids))
    write_npy(tmp_path / "b.npy")
    with pytest.raises(TrainError, match=r"text first \(llm.c\): `dolma-pipe tokens import`"):
        raw(tmp_path)


def test_zeros_that_dolma_leaves_are_left_out(tmp_path: Path) -> None:
    documents = [[i or 9 for i in ids] for ids in DOCUMENTS]
    write_dolma(tmp_path / "a.npy", documents, zeros=50)
    write_dolma(tmp_path / "b.npy", [], zeros=50)
    instances = raw(tmp_path, eos_id=9)
    assert instances.sources == {tmp_path.name: len(STREAM)}
    assert [note.split(": ")[1].split()[0] for note in instances.notes] == ["50", "50"]


def test_another_content_is_another_data_set(tmp_path: Path) -> None:
    write_olmo(tmp_path / "a.npy")
    known = {raw(tmp_path).sha256, raw(tmp_path, check=False).sha256}
    assert len(known) == 1
    ids = np.fromfile(tmp_path / "a.npy", np.uint16)
    ids[17] += 1
    ids.tofile(tmp_path / "a.npy")
    assert raw(tmp_path).sha256 not in known


def make_work(folder: Path) -> TokenArrays:
    """tokens/, and encoded/ with the same documents."""
    arrays = make_tokens(folder / "tokens", LENGTHS)
    write_encoded(folder / "encoded", arrays)
    return arrays


def write_encoded(folder: Path, arrays: TokenArrays) -> None:
    for shard in arrays.shards():
        prefix = folder / shard.stem
        prefix.parent.mkdir(parents=True, exist_ok=True)
        for file in shard.files:
            if not file.endswith(".csv.gz"):
                ending = file.removeprefix(shard.stem).replace(".npy", ".ids")
                shutil.copy(arrays.path(file), f"{prefix}{ending}")


def test_encoded_documents_are_read_once_without_weights(tmp_path: Path) -> None:
    arrays = make_work(tmp_path)
    instances = opened(tmp_path / "encoded", mask_documents=True)
    assert pairs(everything(instances)) == in_documents([arrays])
    assert instances.tokenizer == arrays.manifest.tokenizer
    assert instances.sources == {"code": 70, "web": 123}
    padded = opened(tmp_path / "encoded", view="padded")
    assert pairs(everything(padded)) == in_documents([arrays])


def test_encoded_conversations_keep_their_loss_masks(tmp_path: Path) -> None:
    """An end of text within a document of two turns ends none."""
    documents = [[1, EOS, 2, 3, EOS], [4, EOS], [5, 6, EOS, 7, EOS]] * 3
    losses = [[0, 1, 0, 1, 1], [0, 1], [0, 0, 1, 0, 1]] * 3
    chats = make_conversations(tmp_path / "tokens", documents, losses)
    write_encoded(tmp_path / "encoded", chats)
    for view in ("concatenate", "padded"):
        batches = [
            everything(opened(tmp_path / place, view=view, mask_documents=True))
            for place in ("tokens", "encoded")
        ]
        assert all(map(np.array_equal, *batches))
    loss = next((tmp_path / "encoded").rglob("*.loss.u8"))
    before = opened(tmp_path / "encoded").sha256
    loss.write_bytes(b"\1" * loss.stat().st_size)
    assert opened(tmp_path / "encoded").sha256 != before


def test_conversations_of_two_templates_are_refused(tmp_path: Path) -> None:
    """Checkpoints could tell one of them only."""
    for name in ("tulu", "chatml"):
        arrays = make_conversations(tmp_path / name, [[1, EOS] * 9], [[0, 1] * 9])
        changed = msgspec.structs.replace(arrays.manifest, chat=TEMPLATES[name])
        write_manifest(tmp_path / name, changed)
    make_tokens(tmp_path / "web", LENGTHS)
    both = [str(tmp_path / name) for name in ("tulu", "web", "chatml")]
    assert opened(both[0]).chat == TEMPLATES["tulu"]
    mixed = open_instances(DataSettings(tokens=both[1:], length=S))
    assert mixed.chat == TEMPLATES["chatml"]
    told = r"tulu by the template tulu and .*chatml by the template chatml: tokenize one"
    with pytest.raises(TrainError, match=told):
        open_instances(DataSettings(tokens=both, length=S))


def test_sources_by_weight(tmp_path: Path) -> None:
    """web has 8 instances, code 5: by 1 to 3 the 13 are 3 and 10, so all of code comes twice."""
    arrays = make_work(tmp_path)
    weights = {"code": 3.0, "web": 1.0}
    instances = opened(tmp_path / "encoded", weights=weights)
    assert len(instances) == 13
    found = pairs(everything(instances))
    _, code = arrays.manifest.sources
    documents = [arrays.document(i, "code").tolist() for i in range(code.documents)]
    of_code = Counter(pairwise(i for ids in documents for i in ids))
    assert {pair: found[pair] for pair in of_code} == {pair: 2 * n for pair, n in of_code.items()}
    assert instances.sources == {"code": 2 * 69, "web": sum(found.values()) - 2 * 69}
    assert any("code: 10 instances an epoch out of 5 (2.00 times" in n for n in instances.notes)
    assert found == pairs(everything(opened(tmp_path / "encoded", weights=weights)))
    other = opened(tmp_path / "encoded", weights=weights, seed=1)
    assert pairs(everything(other)) != found
    assert other.sha256 != instances.sha256
    alone = opened(tmp_path / "encoded", weights={"web": 1.0})
    assert alone.sources == {"web": 122}
    assert alone.notes[-1] == "code: without a weight, not read"


def test_encoded_without_tokens_beside_needs_the_ids_told(tmp_path: Path) -> None:
    arrays = make_work(tmp_path)
    shutil.rmtree(tmp_path / "tokens")
    with pytest.raises(TrainError, match=r"data.eos_id and data.vocab_size are needed"):
        opened(tmp_path / "encoded")
    known = {"eos_id": EOS, "vocab_size": arrays.manifest.vocab_size}
    assert opened(tmp_path / "encoded", **known).tokenizer is None
    with pytest.raises(TokensError, match="it ends with token 0, the end of text is 3"):
        opened(tmp_path / "encoded", **{**known, "eos_id": 3})
    with pytest.raises(TokensError, match=r"code/part-00000.ids: 66 bytes, 132 expected"):
        opened(tmp_path / "encoded", **known, dtype="uint32")


def test_a_vocabulary_larger_than_the_model(tmp_path: Path) -> None:
    make_tokens(tmp_path, LENGTHS)
    instances = opened(tmp_path)
    fit_model(instances, 1 << 16)
    with pytest.raises(TrainError, match=r"a vocabulary of 65,536, the model has 50,304 rows"):
        fit_model(instances, 50_304)


def work(folder: Path) -> str:
    """tokens/ and encoded/ in work/, others beside."""
    make_work(folder / "work")
    pack(folder / "work/tokens", PackSettings(length=32))
    other = make_tokens(folder / "other", LENGTHS)
    for name, changes in {
        "other": {"tokenizer": TokenizerStamp(name="gpt2", sha256="abcdef0123")},
        "eos": {"eos_id": 5},
    }.items():
        shutil.copytree(folder / "work/tokens", folder / name, dirs_exist_ok=True)
        write_manifest(folder / name, msgspec.structs.replace(other.manifest, **changes))
    make_tokens(folder / "one", {"web": [[1, 1]]})
    (folder / "begun/encoded").mkdir(parents=True)
    (folder / "begun/manifest.json").write_text("{}")
    write_olmo(folder / "raw/a.npy")
    return str(folder)


REFUSED = [
    ({"tokens": []}, "data.tokens: a folder of token arrays is needed"),
    ({"tokens": ["work", ""]}, "data.tokens: a folder of token arrays is needed"),
    ({"tokens": "."}, "data.eos_id is missing: . has no manifest that would tell it"),
    ({"tokens": "nowhere"}, "data.tokens: nowhere is not there"),
    ({"tokens": "nowhere/*.npy"}, "data.tokens: nowhere/*.npy is not there"),
    ({"tokens": "s3://a/b"}, "data.tokens: s3://a/b: a training reads arrays of this machine"),
    ({"tokens": ["work", "work"]}, "data.tokens: work is given twice (epochs: 2 reads all twice)"),
    (
        {"tokens": "begun"},
        "data.tokens: begun has no tokens/ yet: run its recipe to the end, or read begun/encoded",
    ),
    (
        {"tokens": ["work", "raw"]},
        "data.tokens: one kind of arrays in a training: work (tokens), raw (raw)",
    ),
    (
        {"tokens": ["work", "other"]},
        "data.tokens: work/tokens is of tokenizer small (00000000), other of gpt2 (abcdef01): a "
        "training reads the ids of one",
    ),
    (
        {"tokens": ["work", "eos"]},
        "data.tokens: eos_id is 0 in work/tokens, 5 in eos: tokenize one of them again",
    ),
    (
        {"tokens": "work", "length": 2048},
        "work/tokens: too few tokens for data.length: need S+1 = 2049, have 193",
    ),
    ({"tokens": "one", "view": "padded"}, "one: no document of two tokens, which has a target"),
    (
        {"tokens": "work", "view": "packed", "plan": "best-fit-16"},
        "data.plan: no plan 'best-fit-16' in work/tokens (it has best-fit-32); dolma-pipe tokens "
        "pack work/tokens --length 16 --name best-fit-16",
    ),
    (
        {"tokens": "one", "view": "packed", "plan": "p"},
        "data.plan: no plan 'p' in one (it has none); dolma-pipe tokens pack one --length 16 "
        "--name p",
    ),
    (
        {"tokens": "work", "view": "packed", "plan": "best-fit-32"},
        "data.plan: best-fit-32 has 32 targets an instance, data.length is 16: set data.length, or "
        "dolma-pipe tokens pack work/tokens --length 16",
    ),
    (
        {"tokens": "work", "weights": {"web": 1.0}},
        "data.weights: work is mixed already: shares and upsample belong into the mix of its "
        "recipe (weights are for encoded/ of a work directory)",
    ),
    (
        {"tokens": "work/encoded", "weights": {"wep": 1.0}},
        "data.weights: no source 'wep' (did you mean 'web'?)",
    ),
    (
        {"tokens": "work/encoded", "weights": {"web": 1.0}, "length": 150},
        "work/encoded, source web: too few tokens for data.length: need S+1 = 151, have 123",
    ),
    (
        {"tokens": "work/encoded", "weights": {"web": 1.0}, "view": "padded"},
        "data.weights: with view: concatenate only",
    ),
    ({"tokens": "work", "eos_id": 3}, "data.eos_id: the manifest of work tells it: leave it out"),
    ({"tokens": "raw"}, "data.eos_id is missing: raw has no manifest that would tell it"),
    (
        {"tokens": "raw", "eos_id": 0},
        "data.vocab_size is missing: raw has no manifest that would tell it",
    ),
    (
        {"tokens": "raw", **RAW},
        "data.dtype is missing: raw/a.npy has no header (uint16 or uint32)",
    ),
    (
        {"tokens": "raw", **RAW, "eos_id": 100},
        "data.eos_id: 100 is not in a vocabulary of 100",
    ),
    (
        {"tokens": "raw", **RAW, "vocab_size": 30, "dtype": "uint16"},
        "raw/a.npy: id 47 from token 0 on in a vocabulary of 30",
    ),
    (
        {"tokens": "raw", **RAW, "dtype": "uint16", "view": "padded"},
        "data.view: padded: raw/a.npy has no offsets: `dolma-pipe tokens import` finds its "
        "documents",
    ),
    (
        {"tokens": "raw", **RAW, "dtype": "uint16", "view": "packed", "plan": "p"},
        "data.view: packed needs a plan, raw has none: `dolma-pipe tokens import` and `tokens "
        "pack` make one",
    ),
]


@pytest.mark.parametrize(("given", "told"), REFUSED, ids=range(len(REFUSED)))
def test_what_does_not_fit_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, object], told: str
) -> None:
    monkeypatch.chdir(work(tmp_path))
    with pytest.raises(UserError) as refused:
        open_instances(msgspec.convert({"length": S, **given}, DataSettings))
    assert str(refused.value) == told


def test_every_token_of_a_mix_is_read_once_an_epoch(tmp_path: Path) -> None:
    """Nothing is weighted again, and the counts by source are those of the manifest."""
    arrays = make_tokens(tmp_path, LENGTHS)
    instances = opened(tmp_path)
    assert instances.sources == {s.name: s.tokens for s in arrays.manifest.sources}
    assert pairs(everything(instances)) == in_stream([arrays])
