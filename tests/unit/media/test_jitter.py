from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from voxruntime.audio.pcm import PCM16
from voxruntime.media.jitter import JitterBuffer

RATE, PACKET = 8000, 160
TRANSIT_S = 0.03
TICK_PHASE_S = 0.007


def voice(seconds: float) -> PCM16:
    """A voice that goes on: harmonics of a pitch that wanders between 90 and 150 Hz."""
    times = np.arange(round(seconds * RATE)) / RATE
    phase = 2 * np.pi * np.cumsum(120 + 30 * np.sin(2 * np.pi * 0.7 * times)) / RATE
    sound = sum(np.sin(n * phase) / n for n in range(1, 8))
    return np.rint(6000 * np.asarray(sound)).astype(np.int16)


@dataclass(frozen=True)
class Packet:
    comes: float
    timestamp: int
    sound: PCM16


def packets(sound: PCM16, *, first: int = 1000, skew: float = 0.0, begin_s: float = 0.0) -> list[Packet]:
    """A sound as its sender cuts it, on a network that takes TRANSIT_S for each; `skew`: how slow the sender's clock is."""
    return [
        Packet(
            begin_s + (n + 1) * 0.02 * (1 + skew) + TRANSIT_S,
            (first + n * PACKET) % 2**32,
            sound[n * PACKET : (n + 1) * PACKET],
        )
        for n in range(len(sound) // PACKET)
    ]


def late(sent: Sequence[Packet], by_s: np.ndarray) -> list[Packet]:
    return [Packet(p.comes + float(s), p.timestamp, p.sound) for p, s in zip(sent, by_s, strict=True)]


def play(sent: Sequence[Packet], seconds: float, buffer: JitterBuffer | None = None) -> list[PCM16 | None]:
    """The frames of so many seconds of ticks."""
    buffer = buffer or JitterBuffer(RATE)
    waiting = sorted(sent, key=lambda packet: packet.comes)
    frames = []
    for tick in range(round(seconds * 50)):
        now = tick * 0.02 + TICK_PHASE_S
        while waiting and waiting[0].comes <= now:
            packet = waiting.pop(0)
            buffer.put(packet.timestamp, packet.sound, packet.comes)
        frames.append(buffer.pull(now))
    return frames


def joined(frames: Sequence[PCM16 | None]) -> PCM16:
    return np.concatenate([np.zeros(PACKET, dtype=np.int16) if frame is None else frame for frame in frames])


def exact_delay(sound: PCM16, heard: PCM16) -> int | None:
    """Samples after which exactly this sound was heard, but for the 5 ms that fade it in; None if it was not."""
    sound, heard = sound[40:], heard[40:]
    for delay in range(len(heard) - len(sound) + 1):
        if heard[delay] == sound[0] and np.array_equal(heard[delay : delay + len(sound)], sound):
            return delay
    return None


def energy_gaps(heard: PCM16) -> int:
    """10 ms of a sound that goes on which are 20 dB below it."""
    levels = np.sqrt(np.mean(heard[: len(heard) // 80 * 80].astype(float).reshape(-1, 80) ** 2, axis=1))
    return int(np.count_nonzero(levels < 0.1 * np.median(levels)))


SOUND = voice(4.0)


class TestOrder:
    def test_an_even_stream_passes_sample_by_sample_and_soon(self) -> None:
        buffer = JitterBuffer(RATE)
        delay = exact_delay(SOUND, joined(play(packets(SOUND), 5.0, buffer)))
        assert delay is not None
        # Its packets take 20 ms to be filled and 30 on the way: a frame and a bin more is all that waits here.
        assert 0.05 < delay / RATE <= 0.085
        assert buffer.counters.late == 0
        # What its end fades out with.
        assert buffer.counters.concealed_s < 0.1

    def test_swapped_packets_are_put_in_order(self) -> None:
        sent = packets(SOUND)
        by_s = np.zeros(len(sent))
        by_s[::4] = 0.025
        heard = joined(play(late(sent, by_s), 5.0))
        assert exact_delay(SOUND[RATE:], heard) is not None

    def test_duplicates_are_dropped_and_counted(self) -> None:
        sent, buffer = packets(SOUND), JitterBuffer(RATE)
        again = late(sent, np.full(len(sent), 0.004))
        assert exact_delay(SOUND, joined(play([*sent, *again], 5.0, buffer))) is not None
        assert buffer.counters.packets == 2 * len(sent)
        assert buffer.counters.duplicates + buffer.counters.late == len(sent)

    def test_timestamps_pass_their_end(self) -> None:
        sent = packets(SOUND, first=2**32 - 5 * PACKET)
        assert exact_delay(SOUND, joined(play(sent, 5.0))) is not None

    def test_packets_of_any_length_are_played(self) -> None:
        sent = packets(SOUND)
        pairs = [
            Packet(b.comes, a.timestamp, np.concatenate([a.sound, b.sound]))
            for a, b in zip(sent[::2], sent[1::2], strict=True)
        ]
        assert exact_delay(SOUND[RATE:], joined(play(pairs, 5.0))) is not None

    def test_a_new_stream_is_played_from_its_beginning(self) -> None:
        other = voice(1.0)[::-1].copy()
        sent = [*packets(SOUND[:RATE]), *packets(other, first=3_000_000_000, begin_s=1.0)]
        assert exact_delay(other[PACKET:], joined(play(sent, 3.0))) is not None


class TestLoss:
    @pytest.mark.parametrize("seed", [1, 2, 3])
    def test_of_one_packet_in_twenty_is_concealed_and_no_more(self, seed: int) -> None:
        rng, sound, buffer = np.random.default_rng(seed), voice(20.0), JitterBuffer(RATE)
        sent = packets(sound)
        kept = [packet for packet in late(sent, rng.exponential(0.005, len(sent))) if rng.random() > 0.05]
        heard = joined(play(kept, 20.0, buffer))
        lost_s = (len(sent) - len(kept)) * 0.02
        assert lost_s <= buffer.counters.concealed_s <= lost_s + 0.02 * 20
        assert energy_gaps(heard[RATE // 2 :]) <= 1

    def test_of_60_ms_is_filled_and_what_follows_comes_in_its_time(self) -> None:
        sent, buffer = packets(SOUND), JitterBuffer(RATE)
        heard = joined(play([*sent[:100], *sent[103:]], 5.0, buffer))
        unbroken = JitterBuffer(RATE)
        whole = joined(play(sent, 5.0, unbroken))
        place = exact_delay(SOUND[110 * PACKET :], heard)
        assert place is not None
        assert place == exact_delay(SOUND[110 * PACKET :], whole)
        concealed_s = buffer.counters.concealed_s - unbroken.counters.concealed_s
        assert concealed_s == pytest.approx(0.06, abs=0.001)
        begin = exact_delay(SOUND[: 100 * PACKET], whole)
        assert begin is not None
        filled = heard[begin + 100 * PACKET : begin + 102 * PACKET]
        assert np.std(filled) > 0.3 * np.std(SOUND)

    def test_a_pause_of_the_sender_is_silence_and_keeps_its_length(self) -> None:
        sent = packets(SOUND)
        frames = play([*sent[:50], *sent[150:]], 5.0)
        assert frames[60:150] == [None] * 90
        place = exact_delay(SOUND[151 * PACKET :], joined(frames))
        even = exact_delay(SOUND[151 * PACKET :], joined(play(sent, 5.0)))
        assert place is not None
        assert even is not None
        assert abs(place - even) <= PACKET

    def test_nothing_is_heard_before_the_first_packet(self) -> None:
        buffer = JitterBuffer(RATE)
        assert [buffer.pull(tick * 0.02) for tick in range(5)] == [None] * 5
        assert buffer.counters.concealed_s == 0.0


class TestWait:
    def test_grows_with_the_jitter_and_shrinks_after_it(self) -> None:
        sound, buffer = voice(40.0), JitterBuffer(RATE)
        sent, rng = packets(sound), np.random.default_rng(5)
        by_s = rng.uniform(0.0, 0.1, len(sent))
        by_s[len(sent) // 2 :] = 0.0
        waits = []
        frames = []
        waiting = sorted(late(sent, by_s), key=lambda packet: packet.comes)
        for tick in range(2000):
            now = tick * 0.02 + TICK_PHASE_S
            while waiting and waiting[0].comes <= now:
                packet = waiting.pop(0)
                buffer.put(packet.timestamp, packet.sound, packet.comes)
            frames.append(buffer.pull(now))
            waits.append(buffer.wanted_s)
        assert 0.1 <= waits[990] <= 0.14
        assert waits[-1] == pytest.approx(0.025)
        assert buffer.counters.taken_out_s > 0.05
        # The end is heard as soon as on an even network.
        heard = joined(frames)
        assert energy_gaps(heard[RATE:]) <= 1

    def test_stays_within_its_bounds(self) -> None:
        buffer = JitterBuffer(RATE, least_s=0.06, most_s=0.15)
        play(packets(SOUND[:RATE]), 1.0, buffer)
        assert buffer.wanted_s == 0.06
        sent = packets(SOUND)
        play(late(sent, np.random.default_rng(1).uniform(0, 0.9, len(sent))), 5.0, buffer)
        assert buffer.wanted_s == 0.15

    def test_a_stall_of_the_network_does_not_become_delay_for_good(self) -> None:
        sent, buffer = packets(voice(20.0)), JitterBuffer(RATE)
        by_s = np.zeros(len(sent))
        by_s[200:250] = np.linspace(1.0, 0.0, 50, endpoint=False)
        frames = play(late(sent, by_s), 20.5, buffer)
        last = voice(20.0)[-PACKET * 20 :]
        delay = exact_delay(last, joined(frames))
        assert delay is not None
        assert (delay - 980 * PACKET) / RATE < 0.15

    @pytest.mark.parametrize("ppm", [500, -500])
    def test_follows_a_sender_whose_clock_is_off(self, ppm: int) -> None:
        sound, buffer = voice(60.0), JitterBuffer(RATE)
        sent = packets(sound, skew=ppm * 1e-6)
        rng = np.random.default_rng(2)
        heard = joined(play(late(sent, rng.exponential(0.002, len(sent))), 60.0, buffer))
        assert buffer.counters.concealed_s < 0.6
        assert buffer.counters.late < 5
        assert energy_gaps(heard[RATE:]) <= 1
