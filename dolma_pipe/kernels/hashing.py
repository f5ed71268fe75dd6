"""Mixing functions that several kernels share: bijections that spread their input over all bits."""

import numpy as np

from dolma_pipe.kernels.jit import inlined


@inlined
def mixed64(h: np.uint64) -> np.uint64:
    """The 64-bit finalizer of MurmurHash3 (Appleby 2011)."""
    h ^= h >> np.uint64(33)
    h *= np.uint64(0xFF51AFD7ED558CCD)
    h ^= h >> np.uint64(33)
    h *= np.uint64(0xC4CEB9FE1A85EC53)
    return h ^ (h >> np.uint64(33))


@inlined
def mixed32(h: np.uint32) -> np.uint32:
    """The 32-bit finalizer of MurmurHash3; cut to 32 bits at each step, since numba widens."""
    h = np.uint32(h ^ (h >> np.uint32(16)))
    h = np.uint32(h * np.uint32(0x85EBCA6B))
    h = np.uint32(h ^ (h >> np.uint32(13)))
    h = np.uint32(h * np.uint32(0xC2B2AE35))
    return np.uint32(h ^ (h >> np.uint32(16)))
