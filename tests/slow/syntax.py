"""Hashes of subtrees the obvious way: recursion over tree-sitter's nodes."""

from typing import Any

from dolma_pipe.kernels.subtrees import BODY, IGNORED, LITERAL, fnv1a

MASK = (1 << 64) - 1


def mixed(h: int) -> int:
    h ^= h >> 33
    h = h * 0xFF51AFD7ED558CCD & MASK
    h ^= h >> 33
    h = h * 0xC4CEB9FE1A85EC53 & MASK
    return h ^ (h >> 33)


def subtrees(root: Any, least: int, roles: dict[str, int]) -> list[int]:
    """In the order in which they end. roles: by kind."""
    found: list[int] = []

    def kind_of(node: Any) -> str:
        if node.is_error and node.child_count == 0 and node.end_byte > node.start_byte:
            return "UNEXPECTED"
        return str(node.type)

    def walk(node: Any, *, counts: bool) -> tuple[int, int]:
        """Hash and nodes."""
        role = roles.get(kind_of(node))
        counts = counts and role != IGNORED
        h, size = fnv1a(b"literal" if role == LITERAL else kind_of(node).encode()), 1
        for i, child in enumerate(node.children):
            if not child.is_named or child.is_missing:
                continue
            child_hash, child_size = walk(child, counts=counts)
            child_role = roles.get(kind_of(child))
            if child_role == IGNORED or (child_role == LITERAL and role == BODY):
                if child_role == LITERAL and counts and found and child_size >= least:
                    found.pop()
                continue
            field = node.field_name_for_child(i)
            field_hash = fnv1a(field.encode()) if field else 0
            h = (mixed(h) + 0x9E3779B97F4A7C15 & MASK) ^ (child_hash + field_hash & MASK)
            size += child_size
        h = max(mixed(h), 1)
        if counts and size >= least:
            found.append(h)
        return h, size

    walk(root, counts=True)
    return found
