"""Shards that gigatoken could not encode are told in one line a reason, however many they are."""

from dolma_pipe.passes.encode import EncodedInput
from dolma_pipe.report.summary import _slowly_encoded


def shard(key: str, fallback: dict[str, str] | None) -> EncodedInput:
    return EncodedInput(key, key.partition("/")[0], f"{key}.jsonl", "f", 1, 2, fallback)


def test_one_line_a_reason() -> None:
    unknown, differs = {"reason": "unknown kind", "example": ""}, "ids differ"
    shards = [shard(f"web/{i}", unknown) for i in range(10_000)]
    shards += [shard("code/a", unknown), shard("code/b", None)]
    shards += [shard(f"code/{i}", {"reason": differs, "example": f"row {i}"}) for i in (7, 8)]
    assert _slowly_encoded(shards) == [
        "10,001 of 10,004 shards (web, code) encoded by tokenizers, some twenty times slower;"
        " gigatoken: unknown kind",
        "2 of 10,004 shards (code) encoded by tokenizers, some twenty times slower;"
        " gigatoken: ids differ (first code/7: row 7)",
    ]
    assert _slowly_encoded([shard("web/a", None)]) == []
