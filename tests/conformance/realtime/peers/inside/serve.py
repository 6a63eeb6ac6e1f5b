"""Runs in the environment of the independent clients: does what single lines of JSON on stdin ask, answers on stdout.

`{"do": "judge", "sender": "server", "texts": [...]}` judges events. `{"do": "call", "module": "openai_turns", "name":
"text_turn", ...}` makes one call to a realtime server; it answers with what the call returns or with its traceback.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
import traceback

_CALL_TIMEOUT_S = 60.0


def answer(request: dict[str, object]) -> dict[str, object]:
    if request["do"] == "judge":
        import judge  # noqa: PLC0415

        found = [(text, judge.complaints(request["sender"], text)) for text in request["texts"]]
        beyond = {
            extra for text, wrong in found if not wrong for extra in judge.extras(request["sender"], text)
        }
        return {
            "complaints": [wrong for _, all_wrong in found for wrong in all_wrong],
            "extras": sorted(beyond),
        }
    call = getattr(importlib.import_module(request["module"]), request["name"])

    async def limited() -> object:
        async with asyncio.timeout(_CALL_TIMEOUT_S):
            return await call(request["given"])

    return {"returned": asyncio.run(limited())}


def main() -> None:
    replies, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        try:
            reply = answer(json.loads(line))
        except Exception:  # noqa: BLE001  # a call that fails is a test that fails; this process goes on
            reply = {"traceback": traceback.format_exc(limit=-3)}
        print(json.dumps(reply), file=replies, flush=True)


if __name__ == "__main__":
    main()
