"""Questions to the API as tests put them."""

import json
from typing import Any

from dolma_pipe.browse.api import Api

Row = dict[str, Any]


class Asked:
    """An API, asked by name and parameters."""

    def __init__(self, api: Api) -> None:
        self.api = api

    def __call__(self, path: str, *, status: int = 200, **parameters: object) -> Any:
        """from and is are no names in Python: from_ and is_."""
        query = {name.rstrip("_"): [str(value)] for name, value in parameters.items()}
        answer = self.api.answer(f"/api/{path}", query)
        told = json.loads(answer.body)
        assert answer.status == status, told
        if status != 200:
            assert "\n" not in told["error"]
            return told["error"]
        return told

    def all(self, **parameters: object) -> list[Row]:
        """Every document of a list, page by page."""
        found, after = [], "0"
        for _ in range(1000):
            answer = self("documents", after=after, **parameters)
            found += answer["rows"]
            after = answer["next"]
            if after is None:
                return found
        raise AssertionError("the list has no end")

    def document(self, row: Row, **parameters: object) -> Any:
        """The document of a row."""
        return self("document", shard=row["shard"], line=row["line"], **parameters)
