"""Reading packing plans: ids, padding and segments as plain lists have them, and damage is told."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from dolma_pipe.errors import TokensError
from dolma_pipe.stages.pack import PackSettings, pack
from dolma_pipe.tokens import PackedTokens, TokenArrays, sequence_offsets, verify
from tests.made_tokens import EOS, Lengths, make_tokens

LENGTHS: Lengths = {"web": [[3, 40, 1, 7], [5], [2], [5, 60]], "code": [[33], [18, 2, 1, 16]]}
METHODS = [
    PackSettings(length=16),
    PackSettings(length=16, long="truncate"),
    PackSettings(length=16, method="padded"),
    PackSettings(length=16, method="concatenate"),
    PackSettings(length=150, method="concatenate"),
    PackSettings(length=9, method="concatenate", source="code"),
]


@pytest.mark.parametrize("chosen", METHODS)
def test_ids_and_segments(tmp_path: Path, chosen: PackSettings) -> None:
    arrays = make_tokens(tmp_path, LENGTHS)
    packed = PackedTokens(tmp_path, pack(tmp_path, chosen)[0])
    by_file = {shard.file: arrays.ids(shard).tolist() for shard in arrays.shards()}
    numbers = [*reversed(range(len(packed))), 0]
    ids, segments, loss = packed.batch(numbers)
    assert loss is None
    assert (ids.dtype, segments.dtype) == (np.int32, np.int32)
    assert ids.shape == segments.shape == (len(numbers), chosen.length + 1)
    for row, number in enumerate(numbers):
        expected: list[int] = []
        marks: list[int] = []
        mark = -1
        before: tuple[str, int] | None = None
        for file, start, end in packed.instance(number):
            for at in range(start, end):
                follows = before == (file, at - 1) or (chosen.method == "concatenate" and expected)
                mark += not follows or expected[-1] == EOS
                expected.append(by_file[file][at])
                marks.append(mark)
                before = (file, at)
        padding = chosen.length + 1 - len(expected)
        assert ids[row].tolist() == expected + [EOS] * padding
        assert segments[row].tolist() == marks + [-1] * padding


def test_offsets_of_sequences() -> None:
    segments = np.array([[0, 0, 1, -1], [0, 0, 0, 0], [0, 1, 2, 2]], np.int32)
    assert sequence_offsets(segments).tolist() == [0, 2, 3, 4, 8, 9, 10, 12]
    assert sequence_offsets(segments[:, :-1]).tolist() == [0, 2, 3, 6, 7, 8, 9]


def test_instances_by_number(tmp_path: Path) -> None:
    make_tokens(tmp_path, LENGTHS)
    packed = PackedTokens(TokenArrays(tmp_path), pack(tmp_path, METHODS[0])[0], check=False)
    assert packed.batch([]).ids.shape == (0, 17)
    for numbers in ([-1], [len(packed)], [0, len(packed)]):
        with pytest.raises(IndexError, match=f"of {len(packed)}"):
            packed.batch(numbers)


def test_a_plan_of_other_arrays_is_refused(tmp_path: Path) -> None:
    make_tokens(tmp_path, LENGTHS)
    names = [pack(tmp_path, chosen)[0] for chosen in (METHODS[0], METHODS[3])]
    make_tokens(tmp_path, LENGTHS, seed=2)
    for name in names:
        with pytest.raises(TokensError, match="other token arrays"):
            PackedTokens(tmp_path, name)
    assert [problem.split(":")[0] for problem in verify(tmp_path)] == [
        f"packed/{name}" for name in sorted(names)
    ]


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[9] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("file", ["pieces.start.u64", "pieces.tokens.u32", "instances.u64"])
@pytest.mark.parametrize(
    "damage",
    [
        flip,
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(b""),
        lambda path: path.unlink(),
    ],
)
def test_damage_is_found_and_named(
    tmp_path: Path, file: str, damage: Callable[[Path], None]
) -> None:
    make_tokens(tmp_path, LENGTHS)
    packed = tmp_path / "packed" / pack(tmp_path, METHODS[0])[0]
    damage(packed / file)
    with pytest.raises(TokensError, match=file):
        PackedTokens(tmp_path, packed.name)
    assert len(verify(tmp_path)) == 1
    assert f"packed/{packed.name}" in verify(tmp_path)[0]


@pytest.mark.parametrize(
    "content", ["", "{}", "[1]", "{", '{"format": "other"}', b"\xff"], ids=range(6)
)
def test_what_is_no_plan_is_told(tmp_path: Path, content: str | bytes) -> None:
    make_tokens(tmp_path, LENGTHS)
    place = tmp_path / "packed/mine"
    place.mkdir(parents=True)
    if content:
        (place / "plan.json").write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(TokensError, match="no packing plan mine"):
        PackedTokens(tmp_path, "mine")


def test_another_version_is_refused(tmp_path: Path) -> None:
    make_tokens(tmp_path, LENGTHS)
    path = tmp_path / "packed" / pack(tmp_path, METHODS[3])[0] / "plan.json"
    path.write_text(path.read_text().replace('"version": 1', '"version": 2'))
    with pytest.raises(TokensError, match="packing plan 2, not dolma-pipe packing plan 1"):
        PackedTokens(tmp_path, path.parent.name)


def rewrite(folder: Path, file: str, change: Callable[[np.ndarray], np.ndarray | None]) -> None:
    """Another content with its right sha256: what a packer with a defect would have written."""
    path = folder / file
    content = np.fromfile(path, "<u4" if file.endswith("u32") else "<u8")
    changed = change(content)
    content = content if changed is None else changed
    path.write_bytes(content.tobytes())
    plan = msgspec.json.decode((folder / "plan.json").read_bytes())
    plan["arrays"][file] = hashlib.sha256(content.tobytes()).hexdigest()
    (folder / "plan.json").write_bytes(msgspec.json.encode(plan))


def twice(content: np.ndarray) -> None:
    content[1] = content[0]


def one_more(content: np.ndarray) -> None:
    content[1] += 1


def no_pieces(content: np.ndarray) -> None:
    content[1] = content[2]


@pytest.mark.parametrize("chosen", METHODS[:2])
@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("pieces.start.u64", twice),
        ("pieces.start.u64", one_more),
        ("pieces.tokens.u32", one_more),
        ("instances.u64", no_pieces),
    ],
)
def test_a_wrong_plan_is_found(
    tmp_path: Path, chosen: PackSettings, file: str, change: Callable[[np.ndarray], None]
) -> None:
    make_tokens(tmp_path, LENGTHS)
    folder = tmp_path / "packed" / pack(tmp_path, chosen)[0]
    rewrite(folder, file, lambda _: None)
    assert verify(tmp_path) == []
    rewrite(folder, file, change)
    assert [problem.split(":")[0] for problem in verify(tmp_path)] == [f"packed/{folder.name}"]


@pytest.mark.parametrize(
    ("pieces", "told"),
    [
        ([(3, 5), (8, 4)], ""),
        ([(3, 4), (7, 5)], "tokens 3 to 12"),  # over the border of a document
        ([(3, 5), (7, 5)], "tokens 3 to 12"),
        ([(3, 5)], "tokens 3 to 12"),
        ([(2, 1), (3, 5), (8, 4)], "tokens 3 to 12"),  # from the source before
        ([(3, 5), (8, 4), (12, 1)], "pieces of no document"),  # from the one after
        ([(3, 5), (8, 4), (8, 1)], "tokens 3 to 12"),
        ([(3, 5), (8, 4), (12, 2)], "an instance has 11 tokens"),
    ],
)
def test_pieces_are_the_documents(tmp_path: Path, pieces: list[tuple[int, int]], told: str) -> None:
    make_tokens(tmp_path, {"web": [[3]], "code": [[5, 4]], "papers": [[3]]})
    folder = tmp_path / "packed" / pack(tmp_path, PackSettings(length=9, source="code"))[0]
    starts, tokens = zip(*pieces, strict=True)
    rewrite(folder, "pieces.start.u64", lambda _: np.array(starts, "<u8"))
    rewrite(folder, "pieces.tokens.u32", lambda _: np.array(tokens, "<u4"))
    rewrite(folder, "instances.u64", lambda _: np.array([0, len(pieces)], "<u8"))
    path = folder / "plan.json"
    path.write_text(path.read_text().replace('"pieces":2', f'"pieces":{len(pieces)}'))
    problems = verify(tmp_path)
    assert len(problems) == bool(told)
    assert told in "".join(problems)


def test_a_stream_that_starts_elsewhere_is_found(tmp_path: Path) -> None:
    make_tokens(tmp_path, LENGTHS)
    path = tmp_path / "packed" / pack(tmp_path, METHODS[5])[0] / "plan.json"
    path.write_text(path.read_text().replace('"first_token": 123', '"first_token": 122'))
    assert "starts at another token" in verify(tmp_path)[0]


@pytest.mark.parametrize("chosen", [METHODS[0], METHODS[3]])
@pytest.mark.parametrize("field", ["instances", "documents", "tokens", "padding"])
def test_wrong_counts_are_found(tmp_path: Path, chosen: PackSettings, field: str) -> None:
    make_tokens(tmp_path, LENGTHS)
    path = tmp_path / "packed" / pack(tmp_path, chosen)[0] / "plan.json"
    plan = msgspec.json.decode(path.read_bytes())
    plan["counts"][field] += 1
    path.write_bytes(msgspec.json.encode(plan))
    assert len(verify(tmp_path)) == 1
