"""Hashes of the subtrees of a syntax tree, from tree-sitter's own S-expression of it.

The expression holds named nodes and fields and no text: identifiers are alike whatever they are
called. Operators and punctuation are anonymous nodes and not in it.
"""

import numpy as np

from dolma_pipe.kernels.hashing import mixed64
from dolma_pipe.kernels.jit import U8, U64, inlined, kernel

PLAIN, IGNORED, LITERAL, BODY = 0, 1, 2, 3
"""Roles of kinds of nodes. IGNORED: not there, with all below it. LITERAL: all are of one kind.

BODY: a literal right in it is not there either; it is a statement without effect, as a docstring.
"""

_BASIS = np.uint64(14695981039346656037)
_PRIME = np.uint64(1099511628211)
_STEP = np.uint64(0x9E3779B97F4A7C15)


def fnv1a(name: bytes) -> int:
    """The 64-bit FNV-1a hash of a kind or field."""
    h = int(_BASIS)
    for byte in name:
        h = (h ^ byte) * int(_PRIME) % (1 << 64)
    return h


_LITERAL_HASH = np.uint64(fnv1a(b"literal"))
_MISSING_HASH = np.uint64(fnv1a(b"MISSING"))
_UNEXPECTED_HASH = np.uint64(fnv1a(b"UNEXPECTED"))


def role_table(roles: dict[str, int]) -> tuple[U64, U8]:
    """(hashes, roles) of 1024 slots for hash_subtrees, open addressing; 0 is an empty slot."""
    hashes, values = np.zeros(1024, np.uint64), np.zeros(1024, np.uint8)
    for name, role in roles.items():
        h = fnv1a(name.encode())
        slot = h & 1023
        while hashes[slot]:
            slot = (slot + 1) & 1023
        hashes[slot], values[slot] = h, role
    return hashes, values


@inlined
def _role(h: np.uint64, hashes: U64, roles: U8) -> int:
    slot = np.int64(h & np.uint64(1023))
    while hashes[slot] != np.uint64(0) and hashes[slot] != h:
        slot = (slot + 1) & 1023
    return int(roles[slot])


@inlined
def _end_of_quoted(tree: U8, at: int, quote: int) -> int:
    """Behind the quote that closes the one at `at`: what is quoted has one byte at least, and may
    be a quote or a bracket."""
    i = at + 2
    while i + 1 < len(tree) and not (tree[i] == quote and tree[i + 1] == 41):
        i += 1
    return i + 1


@kernel
def hash_subtrees(tree: U8, least: int, hashes: U64, roles: U8) -> U64:
    """uint64: the subtrees of `least` nodes and more, in the order in which they end; never 0.

    tree: "(kind field: (kind) (kind))"; hashes, roles: role_table. A hash is made of the node's
    kind and of the fields and hashes of its children in order; what the parser says is MISSING is
    no node. No recursion: time and memory are
    linear in the expression.
    """
    most = 1
    for byte in tree:
        most += byte == 40
    acc = np.empty(most, np.uint64)  # of the nodes that are open, the root's first
    field_of = np.empty(most, np.uint64)
    size = np.empty(most, np.int64)
    role_of = np.empty(most, np.uint8)
    found = np.empty(most, np.uint64)
    count = 0
    depth = 0
    ignored = most  # the depth of the open node that is ignored with all below
    field = np.uint64(0)
    i = 0
    while i < len(tree):
        c = tree[i]
        if c == 32:  # between two nodes
            i += 1
        elif c == 41:  # )
            i += 1
            if depth == 0:
                continue
            depth -= 1
            if ignored <= depth:
                if ignored == depth:
                    ignored = most
                continue
            role = role_of[depth]
            if depth > 0 and role == LITERAL and role_of[depth - 1] == BODY:
                continue
            h = max(mixed64(acc[depth]), np.uint64(1))
            if size[depth] >= least:
                found[count] = h
                count += 1
            if depth > 0:
                up = depth - 1
                acc[up] = (mixed64(acc[up]) + _STEP) ^ (h + field_of[depth])
                size[up] += size[depth]
        else:
            is_node = c == 40  # (
            i += is_node
            h = _BASIS
            while i < len(tree) and tree[i] != 32 and tree[i] != 41 and tree[i] != 58:
                h = (h ^ np.uint64(tree[i])) * _PRIME
                i += 1
            if not is_node:
                field = h
                i += 1  # the colon
                continue
            if (h == _MISSING_HASH or h == _UNEXPECTED_HASH) and i + 1 < len(tree):
                i += 1
                if tree[i] == 34 or tree[i] == 39:
                    i = _end_of_quoted(tree, i, tree[i])
                else:
                    while i < len(tree) and tree[i] != 41:
                        i += 1
            role = IGNORED if h == _MISSING_HASH else _role(h, hashes, roles)
            if role == IGNORED and ignored == most:
                ignored = depth
            acc[depth] = _LITERAL_HASH if role == LITERAL else h
            field_of[depth] = field
            size[depth] = 1
            role_of[depth] = role
            depth += 1
            field = np.uint64(0)
    return found[:count]
