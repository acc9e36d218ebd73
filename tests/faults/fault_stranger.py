"""The provider as a key of another organisation sees it: nothing that was made with the first."""

import json

from fault_account import Account
from fault_wire import Answer, Request


class Stranger(Account):
    """An account at the same server that is shown its own files and batches only."""

    def __init__(self, upstream_url: str):
        super().__init__(upstream_url)
        self._own: set[str] = set()

    def answer(self, request: Request, kind: str) -> Answer:
        named = self._file_named(request, kind)
        if named is not None and named not in self._own and named not in self.files:
            return Answer.error(404, f"No such File object: {named}")
        answer = super().answer(request, kind)
        if kind == "upload":
            self._own.add(answer.json["id"])
        elif kind == "retrieve":
            self._own.update(filter(None, map(answer.json.get, _RESULTS)))
        return answer

    def _file_named(self, request: Request, kind: str) -> str | None:
        if kind == "create":
            file_id: str = json.loads(request.body)["input_file_id"]
            return file_id
        parts = request.parts
        return parts[1] if parts[0] == "files" and len(parts) > 1 else None


_RESULTS = ("output_file_id", "error_file_id")
