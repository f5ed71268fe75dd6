"""Substrings: repeated runs of bytes over the whole corpus, found in parts of it.

sign      a task a shard: every window of min_bytes bytes belongs to a fingerprint, a hash that
          equal windows share (kernels/winnow.py)
group     a task a part of all hashes: fingerprints that stand in more than one place
collect   a task a shard: their windows as snippets of text, about a third of them overlap
compare   a task a part of all hashes: windows that repeat an earlier one, byte for byte
cut       a task a shard: what they cover, joined and moved to borders; documents of which too
          little would stay
decide    documents that go, as decisions

No step holds more than blocks of a shard or a part of all hashes. Documents are never compared with
each other, and no clusters are formed: a run's first copy is found where its fingerprints are.
"""

from dolma_pipe.entries import Substring
from dolma_pipe.stages.dedup.found import Found, total
from dolma_pipe.stages.dedup.plan import Plan, Steps

DECISION = 48
"""Bytes of a document that goes."""

SIGNED = ("compared_documents", "left_out_documents", "compared_bytes", "fingerprints")
COLLECTED = ("snippets", "snippet_bytes", "windows")
CUT = ("repeated_runs", "repeated_bytes", "mostly_repeated", "blank_remains")


def find_repeated_runs(steps: Steps, plan: Plan) -> Found:
    """All steps of a substring entry, up to its cuts and decisions."""
    assert isinstance(plan.entry, Substring)
    shards = plan.taking_part()
    signed = steps.over_shards("substring.sign:sign_shard", shards)
    counts = total(signed, SIGNED)
    blocks = [task["blocks"] for task in signed]
    parts = _parts(counts["fingerprints"] * 8, plan)
    grouped = steps.over_parts("substring.group:group_part", parts, blocks=blocks, of=parts)
    counts |= total(grouped, ["repeated_fingerprints", "frequent_fingerprints"])
    # a snippet has less than twice the bytes of a window
    snippet_parts = _parts(counts["repeated_fingerprints"] * 2 * plan.entry.min_bytes, plan)
    collected = steps.over_shards(
        "substring.collect:collect_shard", shards, blocks=blocks, parts=parts, into=snippet_parts
    )
    counts |= total(collected, COLLECTED)
    files = [task["files"] for task in collected]
    compared = steps.over_parts("substring.compare:compare_part", snippet_parts, files=files)
    counts |= total(compared, ["refused_windows"])
    cut = steps.over_shards("substring.cut:cut_shard", shards, parts=snippet_parts)
    counts |= total(cut, CUT)
    last = plan.partitions(DECISION)
    decided = steps.over_parts("substring.cut:decide_part", last, of=last)
    return Found(counts, decided, cuts=True)


def _parts(size: int, plan: Plan) -> int:
    return max(1, -(-size // plan.partition_bytes))
