"""The manifest of token arrays: all that a reader needs to know, and the only source of order."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from dolma_pipe.errors import TokensError
from dolma_pipe.tokens.chat import ChatTemplate
from dolma_pipe.work import lies_below, write_json

FORMAT = "dolma-pipe tokens"
VERSION = 1
MANIFEST = "manifest.json"
TOKEN_BYTES = "token_bytes.u16"
TOKENIZER = "tokenizer.json"
BESIDE = (TOKEN_BYTES, TOKENIZER)
"""What is there once, whatever the shards."""
ENDINGS = (".npy", ".offsets.u64", ".csv.gz")
"""Of the files of a shard: ids, where documents start, where they come from."""
LOSS = ".loss.u8"
"""Of the file that some shards have besides: which tokens are targets."""

IdType = Literal["uint16", "uint32"]
Positive = Annotated[int, msgspec.Meta(ge=1)]


class TokenShard(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One array. file is relative to the manifest; sha256 is that of its bytes.

    loss_sha256: of its loss mask, and targets: how many tokens that lets through; both None where
    there is none: every token is a target then.
    """

    file: str
    documents: Positive
    tokens: Positive
    max_token_id: int
    sha256: str
    loss_sha256: str | None = None
    targets: int | None = None

    @property
    def stem(self) -> str:
        """What the names of all its files begin with."""
        return self.file.removesuffix(".npy")

    @property
    def files(self) -> tuple[str, ...]:
        """All of its files, relative to the manifest."""
        endings = ENDINGS if self.loss_sha256 is None else (*ENDINGS, LOSS)
        return tuple(f"{self.stem}{ending}" for ending in endings)


class TokenSource(msgspec.Struct, frozen=True, kw_only=True):
    """The arrays of one source, in order."""

    name: str
    documents: int
    tokens: int
    shards: tuple[TokenShard, ...]

    @property
    def targets(self) -> int:
        """Tokens that loss masks let through: all where there is none."""
        return sum(s.tokens if s.targets is None else s.targets for s in self.shards)


def source_of(name: str, shards: Iterable[TokenShard]) -> TokenSource:
    """The entry of a source that has these shards."""
    shards = tuple(shards)
    return TokenSource(
        name=name,
        documents=sum(shard.documents for shard in shards),
        tokens=sum(shard.tokens for shard in shards),
        shards=shards,
    )


class TokenizerStamp(msgspec.Struct, frozen=True, kw_only=True):
    """Which tokenizer made the ids: its name or path in the recipe, and the sha256 of its json."""

    name: str
    sha256: str


def _no_counts() -> dict[str, Any]:
    return {}


class Manifest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All that a reader needs to know; the only source of order.

    counts: what every stage before let through, as the run tells it. chat: how conversations
    became tokens, None where there are none.
    """

    # omit_defaults leaves out what has a plain default: chat alone
    format: str = msgspec.field(default_factory=lambda: FORMAT)
    version: int = msgspec.field(default_factory=lambda: VERSION)
    dtype: IdType
    vocab_size: Positive
    eos_id: int
    pad_id: int | None
    tokenizer: TokenizerStamp
    token_bytes_sha256: str
    seed: int
    fingerprint: str
    documents: int
    tokens: int
    sources: tuple[TokenSource, ...]
    counts: dict[str, Any] = msgspec.field(default_factory=_no_counts)
    chat: ChatTemplate | None = None


def id_type(vocab_size: int) -> IdType:
    """uint16 up to 65,536 ids, uint32 above."""
    return "uint16" if vocab_size <= 1 << 16 else "uint32"


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Last of all: without it a folder holds no token arrays."""
    write_json(folder / MANIFEST, manifest)


def read_manifest(folder: Path) -> Manifest:
    """Raises TokensError where there is none, or it is not one that this version reads."""
    try:
        manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        inside = f" (they are in {folder / 'tokens'})" if (folder / "tokens").is_dir() else ""
        told = f"cannot be read: {error.strerror}" if isinstance(error, OSError) else error
        raise TokensError(f"no token arrays in {folder}{inside}: {MANIFEST}: {told}") from None
    if manifest.format != FORMAT or manifest.version != VERSION:
        found = f"{manifest.format} {manifest.version}"
        raise TokensError(f"{folder / MANIFEST} is {found}, not {FORMAT} {VERSION}")
    for file in (shard.file for source in manifest.sources for shard in source.shards):
        if not lies_below(file):
            raise TokensError(f"{folder / MANIFEST}: {file!a} is no file beside it")
    return manifest
