"""Lets Pipecat's realtime client talk with `voxrt emulator`: `python tests/conformance/realtime/peers/with_pipecat.py`.

Not a test of the suite: the client is 450 MB with what it needs. Prints a line for each call, and exits with 1 when one
went wrong: in the client's eyes, in those of the official types, or by the rules of sequence.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[3]))

from conformance.realtime.peers.environment import NoEnvironment, python_of
from conformance.realtime.peers.stand import Clients, assert_judged_right, emulator, in_tones
from conformance.realtime.peers.tap import tapped

CALLS = {
    "text_turn": "response.output_audio.done",
    "spoken_turn": "conversation.item.input_audio_transcription.completed",
    "function_call": "response.function_call_arguments.done",
    "barge_in": "conversation.item.truncated",
}
"""Calls, and the event without which each was another."""


def main() -> int:
    try:
        pipecat = Clients(python_of(Path(__file__).with_name("pipecat.requirements.txt")))
        official = Clients(python_of())
    except NoEnvironment as reason:
        print(reason)
        return 1
    failed = 0
    with tempfile.TemporaryDirectory() as folder, emulator("openai", "--no-speech") as (url, _):
        audio = in_tones(Path(folder))
        for name, needed in CALLS.items():
            try:
                with tapped(url) as tap:
                    pipecat.call("pipecat_calls", name, url=tap.url, audio=audio)
                assert_judged_right(official, tap.only, "openai")
                assert any(needed in text for text in tap.only.texts("server")), f"no {needed}"
            except AssertionError as wrong:
                failed += 1
                print(f"failed  {name}\n{wrong}")
            else:
                print(f"ok      {name}: {len(tap.only.traffic)} messages")
    pipecat.close()
    official.close()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
