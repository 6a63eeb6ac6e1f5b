"""Prints how well the speech process recognises recordings of people, and that it hears nothing in other sounds.

    python tests/confusion.py                 tables for all lists of tests/data/speech
    python tests/confusion.py --verbose       with each clip that went wrong

The recordings come from Debian packages: tests/data/speech/README.md names them. Groups whose package is missing are
left out and named.
"""

from __future__ import annotations

import argparse
import asyncio
import wave
from collections import Counter, defaultdict
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import msgspec
import numpy as np

from voxruntime.audio.pcm import PCM16, decode
from voxruntime.audio.resample import convert
from voxruntime.clock import Clock
from voxruntime.speech.client import SpeechProcess
from voxruntime.speech.interface import Recognizer

LISTS = Path(__file__).resolve().parent / "data" / "speech"
RATE = 8000
RAW_RATE = 16000
"""Hz of recordings without a header."""

SOUNDS_SEED = 5


class Folder(msgspec.Struct, frozen=True):
    """Where recordings of one package are."""

    path: str
    package: str
    speaker: str


class State(msgspec.Struct, frozen=True):
    """Phrases a dialogue offers, and clips to try on them."""

    group: str
    phrases: list[str]
    inside: list[str]
    outside: list[str]


class Listing(msgspec.Struct, frozen=True):
    """One file of tests/data/speech."""

    language: str
    folders: dict[str, Folder]
    clips: dict[str, str]
    state: list[State]

    def path(self, clip: str) -> Path:
        """Returns where a clip is, installed or not."""
        folder, _, file = clip.partition("/")
        return Path(self.folders[folder].path) / file


class Outcome(StrEnum):
    """What became of one clip in one state."""

    RIGHT = "right"
    WRONG = "wrong phrase"
    MISSED = "no match, though said"
    REJECTED = "no match"
    ACCEPTED = "a phrase, though none was said"


class Table(msgspec.Struct):
    """Outcomes of one group, and a line for each that is not as it should be."""

    outcomes: Counter[Outcome] = msgspec.field(default_factory=Counter)
    faults: list[str] = msgspec.field(default_factory=list)

    @property
    def inside(self) -> int:
        """Trials in which a phrase was said."""
        return self.outcomes[Outcome.RIGHT] + self.outcomes[Outcome.WRONG] + self.outcomes[Outcome.MISSED]

    @property
    def outside(self) -> int:
        """Trials in which none was."""
        return self.outcomes[Outcome.REJECTED] + self.outcomes[Outcome.ACCEPTED]

    @property
    def right(self) -> float:
        """Share of the former that were understood."""
        return self.outcomes[Outcome.RIGHT] / max(1, self.inside)

    @property
    def rejected(self) -> float:
        """Share of the latter that were refused."""
        return self.outcomes[Outcome.REJECTED] / max(1, self.outside)


def listing(name: str) -> Listing:
    """Reads a list of tests/data/speech, such as `en`."""
    return msgspec.toml.decode((LISTS / f"{name}.toml").read_bytes(), type=Listing)


def missing_packages(found: Listing) -> list[str]:
    """Returns the Debian packages of a list that are not installed."""
    return [folder.package for folder in found.folders.values() if not Path(folder.path).is_dir()]


def load(path: Path) -> PCM16:
    """Returns a recording in the telephone's band."""
    if path.suffix == ".raw":
        return convert(decode(path.read_bytes()), RAW_RATE, RATE)
    with wave.open(str(path)) as recording:
        return convert(decode(recording.readframes(recording.getnframes())), recording.getframerate(), RATE)


async def judge(recognizer: Recognizer, found: Listing) -> dict[str, Table]:
    """Tries every clip of a list on its states; groups with a missing recording are left out."""
    tables: dict[str, Table] = defaultdict(Table)
    for state in found.state:
        if not all(found.path(clip).exists() for clip in (*state.inside, *state.outside)):
            continue
        table = tables[state.group]
        for clip in (*state.inside, *state.outside):
            said = found.clips.get(clip, "") if clip in state.inside else ""
            heard = await recognizer.recognize(
                load(found.path(clip)), RATE, phrases=state.phrases, language=found.language
            )
            outcome = _outcome(said, heard.text)
            table.outcomes[outcome] += 1
            if outcome not in (Outcome.RIGHT, Outcome.REJECTED):
                table.faults.append(
                    f"{outcome}: {clip} ({found.clips[clip]}) heard as {heard.text!r}, {heard.confidence:.2f}"
                )
    return tables


def _outcome(said: str, heard: str) -> Outcome:
    if said:
        return Outcome.RIGHT if heard == said else Outcome.WRONG if heard else Outcome.MISSED
    return Outcome.ACCEPTED if heard else Outcome.REJECTED


def sounds() -> Iterator[tuple[str, PCM16]]:
    """Yields sounds without speech, two seconds each: noise, keys, tones, tunes, silence."""
    chance = np.random.default_rng(SOUNDS_SEED)
    time_s = np.arange(2 * RATE) / RATE

    def tones(*hz: float) -> PCM16:
        return np.rint(sum(4000 * np.sin(2 * np.pi * each * time_s) for each in hz)).astype(np.int16)

    yield "silence", np.zeros(2 * RATE, dtype=np.int16)
    for level in (10, 30, 100, 300, 1000, 3000, 6000):
        yield f"white noise, {level}", chance.normal(0, level, 2 * RATE).astype(np.int16)
        brown = np.cumsum(chance.normal(0, level / 30, 2 * RATE))
        yield f"brown noise, {level}", np.clip(brown - np.mean(brown), -32768, 32767).astype(np.int16)
    for low in (697, 770, 852, 941):
        for high in (1209, 1336, 1477):
            yield f"key {low}+{high} Hz", tones(low, high)
    for hz in (50, 100, 425, 1000, 2500):
        yield f"tone of {hz} Hz", tones(hz)
    for number in range(6):
        notes = chance.choice([262, 294, 330, 349, 392, 440, 494, 523], 8)
        tune = [(tones(note)[:2000] // 2 + tones(2 * note)[:2000] // 4) * np.hanning(2000) for note in notes]
        yield f"tune {number}", np.concatenate(tune).astype(np.int16)


async def false_alarms(recognizer: Recognizer) -> list[str]:
    """Returns a line for each sound without speech in which something was heard."""
    alarms: list[str] = []
    offers = {
        "en-US": ["yes", "no", "stop", "hello", "three", "thank you"],
        "ru-RU": ["да", "нет", "два", "спасибо"],
    }
    for name, pcm in sounds():
        for language, phrases in offers.items():
            heard = await recognizer.recognize(pcm, RATE, phrases=phrases, language=language)
            if heard.text:
                alarms.append(f"{name} heard as {heard.text!r}")
    return alarms


def print_tables(name: str, tables: dict[str, Table], *, verbose: bool) -> None:
    """Prints one line for each group of a list."""
    print(
        f"\n{name:24} {'said':>5} {'right':>6} {'wrong':>6} {'missed':>7}   {'not said':>8} {'refused':>8} {'heard':>6}"
    )
    for group, table in tables.items():
        count = table.outcomes
        print(
            f"{group:24} {table.inside:5} {table.right:6.1%} {count[Outcome.WRONG]:6} {count[Outcome.MISSED]:7}"
            f"   {table.outside:8} {table.rejected:8.1%} {count[Outcome.ACCEPTED]:6}"
        )
        for fault in table.faults if verbose else ():
            print(f"    {fault}")


async def main(*, verbose: bool) -> None:
    engines = SpeechProcess(Clock(asyncio.get_running_loop()))
    await engines.start()
    try:
        await engines.ready()
        for name in ("en", "ru"):
            found = listing(name)
            if missing := missing_packages(found):
                print(f"Not installed, so left out: {', '.join(missing)}")
            print_tables(found.language, await judge(engines.recognizer, found), verbose=verbose)
        alarms = await false_alarms(engines.recognizer)
        print(
            f"\nSounds without speech, two dialogues each: {2 * len(list(sounds()))} tried, {len(alarms)} heard as words"
        )
        for alarm in alarms:
            print(f"    {alarm}")
    finally:
        await engines.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--verbose", action="store_true", help="name each clip that went wrong")
    asyncio.run(main(verbose=parser.parse_args().verbose))
