"""Random choices: hashes of a seed, a purpose and a document; no order or worker matters."""

import hashlib
from typing import Any

import msgspec
import numpy as np

from dolma_pipe.kernels.jit import U64


def key_of(seed: int, *purpose: Any) -> int:
    """64 bits that make the random choices of one purpose."""
    content = msgspec.json.encode([seed, *purpose])
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "little")


def keyed(hashes: U64, key: int) -> U64:
    """A permutation of the 64-bit numbers chosen by key (xor, then MurmurHash3's finaliser)."""
    x = hashes ^ np.uint64(key)
    x = (x ^ (x >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    x = (x ^ (x >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return x ^ (x >> np.uint64(33))


def copy_hashes(hashes: U64, seed: int, source: str, copy: int) -> U64:
    """Place in the order of the source for copies number `copy`: those of a document lie apart."""
    return keyed(hashes, key_of(seed, "order", source, copy))
