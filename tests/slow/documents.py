"""What kernels over whole documents do, the obvious way."""


def documents_with(texts: list[str], wanted: set[str]) -> list[bool]:
    return [bool(wanted & set(text)) for text in texts]


def terminated(documents: list[list[int]], eos: int) -> tuple[list[int], int, int]:
    """All ids with eos behind each document, the highest, the first document that holds eos."""
    ids = [i for document in documents for i in [*document, eos]]
    highest = max((i for document in documents for i in document), default=-1)
    return ids, highest, next((d for d, one in enumerate(documents) if eos in one), -1)
