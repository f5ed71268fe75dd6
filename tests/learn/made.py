"""Two sides that differ in their words, little in their lengths."""

import random
from pathlib import Path

from tests.corpus import WORDS, write_shard

GOOD, BAD, BOTH = WORDS[:50], WORDS[50:], WORDS[20:80]


def write_sides(root: Path, seed: str = "sides", documents: int = 240) -> None:
    """root/good and root/bad (half as many documents), with a little dirt: a bad line, an empty
    text, a copy, and one text on both sides."""
    rng = random.Random(seed)
    for side, own, count in (("good", GOOD, documents), ("bad", BAD, documents // 2)):
        texts = [
            "\n".join(
                " ".join(rng.choices(own + BOTH, k=rng.randint(3, 12)))
                for _ in range(rng.randint(2, 9))
            )
            for _ in range(count)
        ]
        texts.append(f"this text of {seed} stands on both sides")
        rows: list[dict[str, object]] = [
            {"id": f"{side}{i}", "text": text} for i, text in enumerate(texts)
        ]
        if side == "good":
            rows += [{"id": "none"}, {"id": "empty", "text": " \n"}]
            rows += [{"id": "again", "text": texts[0].replace("\n", " \n ")}]
        half = len(rows) // 2
        write_shard(root / side / "a.jsonl.zst", rows[:half])
        write_shard(root / side / "b.jsonl.zst", rows[half:])
