"""Token arrays that lie in a store, read through files that are fetched when they are wanted."""

import shutil
from pathlib import Path
from threading import get_ident
from urllib.parse import quote

from dolma_pipe.errors import TokensError
from dolma_pipe.store import Store
from dolma_pipe.tokens import ENDINGS, LOSS, MANIFEST, TokenArrays


class FetchedArrays(TokenArrays):
    """Of each thread only the files of the shard that it asked for last are kept, so that reading
    all of them takes the room of one.

    Who has opened or mapped a file may go on reading it after another shard was asked for.
    """

    def __init__(self, store: Store, spool: Path) -> None:
        """spool: an empty folder. Raises TokensError where the store has no manifest."""
        content = store.read(MANIFEST)
        if content is None:
            raise TokensError(f"no token arrays in {store.place}: {MANIFEST} is not there")
        (spool / MANIFEST).write_bytes(content)
        super().__init__(spool)
        self.name = store.place
        self._store = store

    def path(self, file: str) -> Path:
        endings = (*ENDINGS, LOSS)
        stem = next((file.removesuffix(e) for e in endings if file.endswith(e)), None)
        if stem is None:
            return self._fetched(file, self.folder)
        own = self.folder / str(get_ident())
        folder = own / f"shard-{quote(stem, safe='')}"  # a manifest may hold any name
        if own.exists() and not folder.exists():
            shutil.rmtree(own)
        return self._fetched(file, folder)

    def found(self) -> set[str]:
        return {name for name in self._store.list("") if name.endswith(".npy")}

    def _fetched(self, file: str, folder: Path) -> Path:
        path = folder / Path(file).name
        if not path.exists():
            if self._store.head(file) is None:
                raise TokensError(f"{self.name}/{file} is missing")
            folder.mkdir(parents=True, exist_ok=True)
            self._store.get(file, path)
        return path
