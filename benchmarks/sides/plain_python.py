"""What one writes without a library: hashes of texts with their white space collapsed."""

import xxhash


class Exact:
    def __init__(self, texts: list[str]) -> None:
        self.texts = texts

    def ready(self) -> None: ...

    def run(self) -> list[str]:
        return [xxhash.xxh3_128_hexdigest(" ".join(text.split()).encode()) for text in self.texts]

    def told(self, digests: list[str]) -> list[str]:
        """A blank text is 0: it equals none."""
        return [
            d if text.strip() else "0" * 32 for d, text in zip(digests, self.texts, strict=True)
        ]
