"""Loss masks: written beside the ids, read with them, checked, and followed by packed instances."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner

from dolma_pipe.cli.tokens import command
from dolma_pipe.errors import TokensError
from dolma_pipe.stages.pack import PackSettings, pack
from dolma_pipe.tokens import (
    ImportSettings,
    PackedTokens,
    TokenArrays,
    TokenShard,
    export_arrays,
    find_arrays,
    import_arrays,
    read_manifest,
    source_of,
    verify,
    write_manifest,
    write_tokens,
)
from tests.token_arrays import EOS, documents_of, vocabulary, write_arrays

CHATS = [
    ([1, 2, 3, 9, 4, 5, 9], [0, 0, 1, 1, 0, 1, 1]),
    ([6, 9], [0, 1]),
    ([1, 9, 9, 9], [0, 1, 0, 0]),
]
Documents = list[tuple[list[int], list[int]]]


def write_chats(folder: Path, chats: Documents = CHATS) -> TokenArrays:
    """Plain documents of `web`, conversations of `chat` in two shards."""
    write_arrays(folder, {"web": [[[1, 2, 9], [3, 9]]]})
    shards = []
    for i, some in enumerate((chats, chats[:1])):
        prefix = folder / "chat" / f"part-{i:05d}"
        with write_tokens(prefix, np.dtype("<u2"), 10, EOS, loss=True) as writer:
            for number, (ids, loss) in enumerate(some):
                mask = np.array(loss, np.uint8)
                writer.add(np.array(ids, "<u2"), str(number), "in.jsonl", number + 1, mask)
        shards.append(writer.shard(f"chat/part-{i:05d}.npy"))
    manifest = read_manifest(folder)
    chat = source_of("chat", shards)
    write_manifest(
        folder,
        msgspec.structs.replace(
            manifest,
            sources=(*manifest.sources, chat),
            documents=manifest.documents + chat.documents,
            tokens=manifest.tokens + chat.tokens,
        ),
    )
    return TokenArrays(folder)


def replace_shard(folder: Path, **changes: object) -> None:
    """Change the manifest's entry of the first shard of `chat`."""
    manifest = read_manifest(folder)
    web, chat = manifest.sources
    shard = msgspec.structs.replace(chat.shards[0], **changes)
    chat = msgspec.structs.replace(chat, shards=(shard, *chat.shards[1:]))
    write_manifest(folder, msgspec.structs.replace(manifest, sources=(web, chat)))


def test_a_mask_is_read_as_it_was_written(tmp_path: Path) -> None:
    arrays = write_chats(tmp_path)
    web, first, second = arrays.shards()
    flat = [flag for _, loss in CHATS for flag in loss]
    assert arrays.loss(web) is None
    assert arrays.loss(first).tolist() == flat  # type: ignore[union-attr]
    assert (first.targets, second.targets, web.targets) == (sum(flat), 4, None)
    content = (tmp_path / "chat/part-00000.loss.u8").read_bytes()
    assert content == bytes(flat)
    assert first.loss_sha256 == hashlib.sha256(content).hexdigest()
    assert first.files[-1] == "chat/part-00000.loss.u8"
    assert len(web.files) == 3
    assert documents_of(arrays, "chat")[:3] == [ids for ids, _ in CHATS]
    assert arrays.document_loss(1, "chat").tolist() == [0, 1]  # type: ignore[union-attr]
    assert arrays.document_loss(1, "web") is None
    assert verify(tmp_path) == []


def test_a_manifest_without_masks_says_nothing_of_them(tmp_path: Path) -> None:
    write_arrays(tmp_path, {"web": [[[1, 9]]]})
    given = msgspec.json.decode((tmp_path / "manifest.json").read_bytes())
    assert set(given["sources"][0]["shards"][0]) == {
        "file",
        "documents",
        "tokens",
        "max_token_id",
        "sha256",
    }
    assert "chat" not in given
    assert given["format"] == "dolma-pipe tokens"
    assert (given["version"], given["pad_id"], given["counts"]) == (1, None, {})


def test_all_documents_have_a_mask_or_none(tmp_path: Path) -> None:
    ids, mask = np.array([1, 9], "<u2"), np.ones(2, np.uint8)
    for loss in (True, False):
        with (
            pytest.raises(ValueError, match="or none"),
            write_tokens(tmp_path / "a", np.dtype("<u2"), 10, EOS, loss=loss) as writer,
        ):
            writer.add(ids, "1", "a", 1, None if loss else mask)
    for wrong in (mask[:1], mask + 1):
        with (
            pytest.raises(TokensError, match="0 or 1 for each of 2"),
            write_tokens(tmp_path / "a", np.dtype("<u2"), 10, EOS, loss=True) as writer,
        ):
            writer.extend(ids, np.array([2]), b"", wrong)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "12 bytes, 13 expected"),
        (lambda path: path.unlink(), "No such file"),
        (lambda path: path.write_bytes(bytes(13)), "sha256"),
        (lambda path: path.write_bytes(bytes(13)), "0 targets, not 6"),
        (lambda path: path.write_bytes(bytes([2] * 13)), "has a 2"),
    ],
)
def test_a_damaged_mask_is_told(
    tmp_path: Path, damage: Callable[[Path], object], told: str
) -> None:
    write_chats(tmp_path)
    damage(tmp_path / "chat/part-00000.loss.u8")
    problems = verify(tmp_path)
    assert any("chat/part-00000" in problem and told in problem for problem in problems)


def test_an_end_of_text_inside_is_for_masked_shards_alone(tmp_path: Path) -> None:
    write_chats(tmp_path)
    replace_shard(tmp_path, loss_sha256=None, targets=None)
    assert any("end-of-text" in problem for problem in verify(tmp_path))


def test_every_document_still_ends_with_an_end_of_text(tmp_path: Path) -> None:
    write_chats(tmp_path)
    path = tmp_path / "chat/part-00000.npy"
    ids = np.fromfile(path, "<u2")
    ids[6] = 5  # the first conversation's end
    ids.tofile(path)
    replace_shard(tmp_path, sha256=hashlib.sha256(ids.tobytes()).hexdigest())
    assert verify(tmp_path) == [
        "chat/part-00000.npy: ends of documents and end-of-text tokens are not the same from "
        "document 0 on"
    ]


METHODS = [
    PackSettings(length=8),
    PackSettings(length=4),
    PackSettings(length=3, long="truncate"),
    PackSettings(length=6, method="padded"),
    PackSettings(length=3, method="concatenate"),
    PackSettings(length=40, method="concatenate"),
    PackSettings(length=8, source="web"),
    # the rest of a document, which no border begins, behind another
    *(PackSettings(length=4, source="chat", seed=seed) for seed in range(4)),
]


@pytest.mark.parametrize("chosen", METHODS)
def test_packed_instances_follow_the_documents_and_the_mask(
    tmp_path: Path, chosen: PackSettings
) -> None:
    arrays = write_chats(tmp_path)
    packed = PackedTokens(tmp_path, pack(tmp_path, chosen)[0])
    # position in its file -> (id, target, document)
    by_file: dict[str, list[tuple[int, int, tuple[str, int]]]] = {}
    for shard in arrays.shards():
        loss, ends = arrays.loss(shard), arrays.offsets(shard).tolist()
        flags = [1] * shard.tokens if loss is None else loss.tolist()
        numbers = [d for d in range(shard.documents) for _ in range(ends[d], ends[d + 1])]
        by_file[shard.file] = [
            (i, flag, (shard.file, d))
            for i, flag, d in zip(arrays.ids(shard).tolist(), flags, numbers, strict=True)
        ]
    batch = packed.batch(range(len(packed)))
    assert batch.loss is not None
    assert batch.loss.dtype == np.uint8
    for row in range(len(packed)):
        tokens = [
            token for file, start, end in packed.instance(row) for token in by_file[file][start:end]
        ]
        padding = chosen.length + 1 - len(tokens)
        documents = list(dict.fromkeys(document for _, _, document in tokens))
        segments = [documents.index(document) for _, _, document in tokens]
        assert batch.ids[row].tolist() == [i for i, _, _ in tokens] + [EOS] * padding
        assert batch.loss[row].tolist() == [flag for _, flag, _ in tokens] + [0] * padding
        assert batch.segments[row].tolist() == segments + [-1] * padding
    assert verify(tmp_path) == []


def test_import_and_export_say_what_they_cannot_carry(tmp_path: Path) -> None:
    write_chats(tmp_path / "t")
    with pytest.raises(TokensError, match=r"loss mask \(part-00000.loss.u8\)"):
        import_arrays(
            find_arrays([tmp_path / "t"]),
            tmp_path / "in",
            vocabulary(),
            ImportSettings(dtype="uint16"),
        )
    run = CliRunner().invoke(
        command, ["export", str(tmp_path / "t"), str(tmp_path / "m"), "--to", "megatron"]
    )
    assert run.exit_code == 0
    assert "note: chat: the loss mask is left out: 10 of 20 tokens were no targets" in run.output
    assert export_arrays(TokenArrays(tmp_path / "t"), tmp_path / "n", "nanogpt") == ["train.bin"]


def test_inspect_tells_the_targets(tmp_path: Path) -> None:
    write_chats(tmp_path)
    lines = CliRunner().invoke(command, ["inspect", str(tmp_path)]).output.splitlines()
    told = {line.split()[0]: line.split()[-1] for line in lines[-4:]}
    assert told == {"source": "targets", "web": "5", "chat": "10", "all": "15"}


def test_old_entries_are_read() -> None:
    entry = b'{"file":"a.npy","documents":1,"tokens":2,"max_token_id":1,"sha256":"0"}'
    assert msgspec.json.decode(entry, type=TokenShard).loss_sha256 is None
