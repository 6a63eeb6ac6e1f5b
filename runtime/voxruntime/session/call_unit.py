"""One call of a session: its far end, its state, and what is told of it."""

from __future__ import annotations

import msgspec

from voxruntime.call.leg import Buffering, CallParty, Leg
from voxruntime.call.state import CallMachine, CallState, Direction
from voxruntime.clock import Timer
from voxruntime.media.ports import Sink, Source, Stage
from voxruntime.session.records import CallRecord
from voxruntime.turn.inheritance import LiveObject
from voxruntime.turn.messages import Plain, StartCall


class CallUnit:
    """One call: its far end, its state and its place in the media graph."""

    def __init__(self, handle: int, public_id: str, direction: Direction, party: CallParty) -> None:
        self.handle = handle
        self.party = party
        self.machine = CallMachine(direction)
        self.record = CallRecord(
            public_id, direction.value, party.callerid, party.number, self.machine.state.value
        )
        self.leg: Leg | None = None
        self.custom_data = ""
        self.asked: StartCall | None = None
        """What started it, if the scenario did."""
        self.is_handed_over = False
        """Whether it was connected when new code came, which has not answered it yet."""
        self.unanswered: Timer | None = None

    @property
    def label(self) -> str:
        return f"call {self.record.id}"

    @property
    def has_ended(self) -> bool:
        return self.machine.state is CallState.TERMINATED

    is_always_on = True
    speaks, hears = Stage.IN, Stage.OUT

    @property
    def source(self) -> Source | None:
        return self.leg if self.machine.state is CallState.CONNECTED else None

    @property
    def sink(self) -> Sink | None:
        return self.leg if self.machine.state is CallState.CONNECTED else None

    def clear(self) -> None:
        """A call's audio is never buffered here."""

    def silence(self) -> float:
        """Drops what the far end has not heard yet; returns how many seconds that is."""
        return self.leg.silence() if isinstance(self.leg, Buffering) else 0.0

    def live(self, asked: StartCall) -> LiveObject:
        """Describes a call that the scenario started to code that may take it over."""
        _tag, handle, public_id, *arguments = msgspec.to_builtins(asked)
        mirror: dict[str, Plain] = {"state": self.machine.state.value, "custom_data": self.custom_data}
        return LiveObject("call.start", handle, public_id, arguments, mirror)

    def alerting_payload(self) -> dict[str, Plain]:
        """Returns the fields of `CallAlerting`, and those that Lua keeps to itself: `id`, `state`, `kind`."""
        party = self.party
        return {
            "call": self.handle,
            "id": self.record.id,
            "state": self.machine.state.value,
            "kind": party.kind,
            "name": "Application.CallAlerting",
            "callerid": party.callerid,
            "destination": party.number,
            "toURI": f"sip:{party.number}@voxrt.invalid",
            "fromURI": f"sip:{party.callerid}@voxrt.invalid",
            "displayName": party.display_name,
            "headers": dict(party.headers),
            "customData": self.custom_data or party.custom_data,
            "scheme": "",
        }


class CallWatcher:
    """What else happens when a call begins, connects or ends: media edges, recordings, the idle timer."""

    def on_call_added(self, call: CallUnit) -> None: ...

    def on_call_connected(self, call: CallUnit) -> None: ...

    def on_call_ended(self, call: CallUnit) -> None: ...
