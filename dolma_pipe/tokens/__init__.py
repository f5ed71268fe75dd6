"""Token arrays: raw ids on disk, a manifest that says what they are, writer, reader and check.

    manifest.json                     order of sources and shards, dtype, special ids, sha256
    token_bytes.u16                   uint16[vocabulary]: bytes of text behind each token
    tokenizer.json                    the tokenizer that made the ids, where it is known
    <source>/part-00000.npy           raw little-endian ids without a header, what np.memmap reads
    <source>/part-00000.offsets.u64   uint64[documents + 1]
    <source>/part-00000.csv.gz        start,end,id,src,loc: a row a document
    <source>/part-00000.loss.u8       uint8[tokens], 1 for targets: only of conversations
    packed/<name>/plan.json           a packing plan, see packing_plan.py

Needs numpy and msgspec only: the trainer imports this.
"""

from dolma_pipe.tokens.arrays import TokenArrays, Tokens
from dolma_pipe.tokens.chat import TEMPLATES, AssistantTurn, ChatTemplate, Role, Turn
from dolma_pipe.tokens.check import verify
from dolma_pipe.tokens.exporting import export_arrays, unmasked
from dolma_pipe.tokens.importing import ImportSettings, Vocabulary, find_arrays, import_arrays
from dolma_pipe.tokens.manifest import (
    BESIDE,
    ENDINGS,
    LOSS,
    MANIFEST,
    TOKEN_BYTES,
    TOKENIZER,
    Manifest,
    TokenizerStamp,
    TokenShard,
    TokenSource,
    id_type,
    read_manifest,
    source_of,
    write_manifest,
)
from dolma_pipe.tokens.packed import PackedBatch, PackedTokens, sequence_offsets
from dolma_pipe.tokens.packing_plan import PackingPlan, plan_files, remove_stale_plans
from dolma_pipe.tokens.place import Place, find_document, find_token
from dolma_pipe.tokens.stream import Pieces, TokenStream
from dolma_pipe.tokens.writer import TokenWriter, write_tokens

__all__ = [
    "BESIDE",
    "ENDINGS",
    "LOSS",
    "MANIFEST",
    "TEMPLATES",
    "TOKENIZER",
    "TOKEN_BYTES",
    "AssistantTurn",
    "ChatTemplate",
    "ImportSettings",
    "Manifest",
    "PackedBatch",
    "PackedTokens",
    "PackingPlan",
    "Pieces",
    "Place",
    "Role",
    "TokenArrays",
    "TokenShard",
    "TokenSource",
    "TokenStream",
    "TokenWriter",
    "TokenizerStamp",
    "Tokens",
    "Turn",
    "Vocabulary",
    "export_arrays",
    "find_arrays",
    "find_document",
    "find_token",
    "id_type",
    "import_arrays",
    "plan_files",
    "read_manifest",
    "remove_stale_plans",
    "sequence_offsets",
    "source_of",
    "unmasked",
    "verify",
    "write_manifest",
    "write_tokens",
]
