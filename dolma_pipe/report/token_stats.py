"""Statistics of token arrays: lengths of documents, repeats, bytes of text, frequencies of ids."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import xxhash

from dolma_pipe.errors import TokensError
from dolma_pipe.tokens import TokenArrays, TokenShard, TokenSource
from dolma_pipe.tokens.rows import records

I64 = npt.NDArray[np.int64]


class Lengths(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens a document, end of text included; p90: at least 90 % of documents are not longer.

    by_power: documents of 2^k to 2^(k+1) - 1 tokens, k from 0.
    """

    min: int
    median: int
    mean: float
    p90: int
    p99: int
    max: int
    by_power: list[int]


class Frequency(msgspec.Struct, frozen=True, kw_only=True):
    """An id and how often it stands in the arrays; text: None where no tokenizer was at hand."""

    id: int
    tokens: int
    share: float
    text: str | None = None


class TokenStats(msgspec.Struct, frozen=True, kw_only=True):
    """Of one source, or of all.

    unique: documents by the file and line that they came from; the rest are repeats. bytes: of the
    text behind the tokens. bits_per_token: entropy of the frequencies of ids, what a model reaches
    that knows no context; bits_per_byte is the same by the text.
    """

    name: str
    documents: int
    tokens: int
    share: float
    unique: int | None
    bytes: int
    bytes_per_token: float
    bits_per_token: float
    bits_per_byte: float | None
    unused_ids: int
    lengths: Lengths
    most_frequent: list[Frequency]


class _Counted(NamedTuple):
    """ids: int64[vocabulary]. lengths: int64[2, n], lengths that occur and their documents."""

    name: str
    ids: I64
    lengths: I64
    unique: int | None


def token_stats(
    arrays: TokenArrays, *, source: str | None = None, top: int = 10, repeats: bool = True
) -> list[TokenStats]:
    """Statistics of each source that has tokens, or of one, and last of all those of the whole.

    repeats: read every csv.gz, which takes most of the time. Raises TokensError for damaged files.
    """
    counted = [
        _count(arrays, chosen, repeats) for chosen in arrays.sources(source) if chosen.shards
    ]
    if not counted:
        raise TokensError(f"no tokens in {arrays.folder}")
    if len(counted) > 1:
        counted.append(_whole(counted))
    tokens = int(counted[-1].ids.sum())
    return [_stats(arrays, one, tokens, top) for one in counted]


def with_texts(stats: Sequence[TokenStats], decode: Callable[[I64], str]) -> list[TokenStats]:
    """The same with the texts of the frequent ids."""
    replace = msgspec.structs.replace
    return [
        replace(
            one,
            most_frequent=[replace(f, text=decode(np.array([f.id]))) for f in one.most_frequent],
        )
        for one in stats
    ]


def _count(arrays: TokenArrays, source: TokenSource, repeats: bool) -> _Counted:
    return _Counted(
        source.name,
        _count_ids(arrays, source.shards),
        _count_lengths(arrays, source.shards),
        _unique_documents(arrays, source.shards) if repeats else None,
    )


def _whole(counted: Sequence[_Counted]) -> _Counted:
    known = [one.unique for one in counted if one.unique is not None]
    return _Counted(
        "all",
        np.sum([one.ids for one in counted], axis=0),
        _merged([one.lengths for one in counted]),
        sum(known) if known else None,  # sources have no document in common
    )


def _count_ids(arrays: TokenArrays, shards: Iterable[TokenShard]) -> I64:
    """int64[vocabulary]"""
    size = arrays.manifest.vocab_size
    counts = np.zeros(size, np.int64)
    for shard in shards:
        for ids in arrays.chunks(shard):
            found = np.bincount(ids, minlength=size)
            if len(found) > size:
                raise TokensError(f"{shard.file}: id {len(found) - 1} in a vocabulary of {size}")
            counts += found
    return counts


def _count_lengths(arrays: TokenArrays, shards: Iterable[TokenShard]) -> I64:
    """int64[2, lengths that occur]: the length, ascending, and the number of documents."""
    of_shards: list[I64] = []
    for shard in shards:
        lengths = np.diff(arrays.offsets(shard).astype(np.int64))
        of_shards.append(np.array(np.unique(lengths, return_counts=True)))
    return _merged(of_shards)


def _merged(counted: Sequence[I64]) -> I64:
    every = np.concatenate(counted, axis=1)
    lengths, place = np.unique(every[0], return_inverse=True)
    counts = np.zeros(len(lengths), np.int64)
    np.add.at(counts, place, every[1])
    return np.stack([lengths, counts])


def _unique_documents(arrays: TokenArrays, shards: Iterable[TokenShard]) -> int:
    """Different id,src,loc: a 64-bit hash of each is held, 8 bytes a document of the source."""
    hashes = [
        np.fromiter(
            (
                xxhash.xxh3_64_intdigest(record.split(b",", 2)[2])
                for record in records(arrays.rows_file(shard))
            ),
            np.uint64,
        )
        for shard in shards
    ]
    every = np.concatenate(hashes)
    every.sort()
    return 1 + int(np.count_nonzero(every[1:] != every[:-1]))


def _stats(arrays: TokenArrays, counted: _Counted, all_tokens: int, top: int) -> TokenStats:
    counts, lengths = counted.ids, counted.lengths
    tokens = int(counts.sum())
    size = int(counts @ arrays.token_bytes().astype(np.int64))
    used = counts[counts > 0] / tokens
    bits = float(-(used * np.log2(used)).sum()) + 0.0  # one id alone: not -0.0
    most = np.argsort(-counts, kind="stable")[:top]
    return TokenStats(
        name=counted.name,
        documents=int(lengths[1].sum()),
        tokens=tokens,
        share=tokens / all_tokens,
        unique=counted.unique,
        bytes=size,
        bytes_per_token=size / tokens,
        bits_per_token=bits,
        bits_per_byte=bits * tokens / size if size else None,
        unused_ids=int((counts == 0).sum()),
        lengths=_lengths(*lengths),
        most_frequent=[
            Frequency(id=i, tokens=int(counts[i]), share=int(counts[i]) / tokens)
            for i in most.tolist()
            if counts[i]
        ],
    )


def _lengths(lengths: I64, documents: I64) -> Lengths:
    ends = np.cumsum(documents)

    def percentile(hundredths: int) -> int:
        rank = -(-int(ends[-1]) * hundredths // 100)  # nearest rank, from 1
        return int(lengths[np.searchsorted(ends, rank)])

    powers = np.array([length.bit_length() - 1 for length in lengths.tolist()])
    return Lengths(
        min=int(lengths[0]),
        median=percentile(50),
        mean=float(lengths @ documents) / int(ends[-1]),
        p90=percentile(90),
        p99=percentile(99),
        max=int(lengths[-1]),
        by_power=np.bincount(powers, documents).astype(np.int64).tolist(),
    )
