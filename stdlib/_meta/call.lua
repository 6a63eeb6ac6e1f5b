---@meta
--- Calls.

--- Whatever can send and receive audio. It sends to many and receives one stream; a new stream replaces the old.
---@alias MediaUnit Call | Yandex.RealtimeAPIClient

---@class SendMediaParameters
---@field tag? string Names the stream (default: "").
---@field customParameters? table Accepted, without effect between calls and realtime clients.
---@field encoding? string Accepted, without effect between calls and realtime clients.

---@alias CallState "ALERTING" | "PROGRESSING" | "CONNECTED" | "TERMINATED"

--- Events of a call; each constant is the string it stands for.
---@enum CallEvents
CallEvents = {
  --- An outgoing call rings. Payload: `CallEvent`.
  Ringing = "Call.Ringing",
  --- An incoming call was answered, or the far side answered. Payload: `CallConnectedEvent`.
  Connected = "Call.Connected",
  --- The call is over. Not the end of the session. Payload: `CallDisconnectedEvent`.
  Disconnected = "Call.Disconnected",
  --- An outgoing call ended before it was connected. Payload: `CallFailedEvent`.
  Failed = "Call.Failed",
  --- Comes before the event that says why. Payload: `CallStateChangedEvent`.
  StateChanged = "Call.StateChanged",
  --- A recording has begun. Payload: `CallRecordStartedEvent`.
  RecordStarted = "Call.RecordStarted",
  --- A recording is complete; comes after Disconnected. Payload: `CallRecordStoppedEvent`.
  RecordStopped = "Call.RecordStopped",
  --- A recording cannot go on, for want of space or permission; what was written is a valid file, and RecordStopped does
  --- not follow. `call:record()` may be called again. Payload: `CallRecordErrorEvent`.
  RecordError = "Call.RecordError",
}

---@class CallEvent
---@field call Call The call it happened to.
---@field name string The event, such as "Call.Connected".
---@field id string Id of the call.
---@field headers? table<string, string> SIP headers X-… of the far side.

---@class CallConnectedEvent: CallEvent
---@field customData? string The call's text.
---@field scheme? table Codecs in use.

---@class CallDisconnectedEvent: CallEvent
---@field internalCode integer SIP status: 200 normal, 486 busy, 487 ended unanswered, 603 rejected, 408 no answer …
---@field reason string The status in words.
---@field duration number s since the call was connected; 0 if it never was.
---@field cost string Always "0".
---@field direction string "incoming" or "outgoing".

---@class CallFailedEvent: CallEvent
---@field code integer SIP status: 486 busy, 487 cancelled, 404 no such number, 603 rejected, 408 no answer in time …
---@field reason string The status in words.

---@class CallStateChangedEvent: CallEvent
---@field oldState CallState The state before.
---@field newState CallState The state from now on.

---@class CallRecordStartedEvent: CallEvent
---@field url string Where the recording is written.

---@class CallRecordStoppedEvent: CallEvent
---@field url string Where the recording is.
---@field cost string Always "0".
---@field duration number s.

---@class CallRecordErrorEvent: CallEvent
---@field url string What RecordStarted said.
---@field error string What failed, in words.

--- A call. Methods of a call that has ended do nothing, since it may end at any time; what its state forbids otherwise
--- raises `call.state`.
---@class Call
local Call = {}

--- Answers an incoming call; Connected follows. Raises `call.state` for an outgoing or answered call.
---@param extraHeaders? table<string, string> X-… headers (default: none).
---@param parameters? table Accepted, without effect.
function Call:answer(extraHeaders, parameters) end

--- Refuses an incoming call that was not answered; Disconnected follows at once.
---@param code integer SIP status, 300 to 699.
---@param extraHeaders? table<string, string> X-… headers (default: none).
function Call:reject(code, extraHeaders) end

--- The old name of `reject`.
---@param code integer SIP status, 300 to 699.
---@param extraHeaders? table<string, string> X-… headers (default: none).
---@deprecated
function Call:decline(code, extraHeaders) end

--- Ends the call. Disconnected follows, or Failed for an outgoing call that was never connected. Repeating it is
--- harmless.
---@param extraHeaders? table<string, string> X-… headers (default: none).
function Call:hangup(extraHeaders) end

--- Returns the call's id, unique in the session.
---@return string
function Call:id() end

--- Returns the state: an incoming call starts ALERTING, an outgoing one PROGRESSING.
---@return CallState
function Call:state() end

--- Returns who calls.
---@return string
function Call:callerid() end

--- Returns the caller's name.
---@return string
function Call:displayName() end

--- Returns what was dialled.
---@return string
function Call:number() end

--- Returns whether the call came in.
---@return boolean
function Call:incoming() end

--- Returns how the far side is reached: "pstn", "sip" or "user".
---@return string
function Call:clientType() end

--- Returns "Call" and the id, as `tostring` does.
---@return string
function Call:toString() end

--- Returns the call's text, after setting it if `value` is given.
---@param value? string At most 200 bytes, else raises `limit.custom_data` (default: it stays).
---@return string (default: "")
function Call:customData(value) end

--- Sends the call's audio to a unit. Both ends must be connected, or answered at least, else raises `call.state`.
---@param unit MediaUnit A call or a realtime client.
---@param parameters? SendMediaParameters For calls and realtime clients without effect (default: {}).
function Call:sendMediaTo(unit, parameters) end

--- Undoes `sendMediaTo`.
---@param unit MediaUnit A call or a realtime client.
function Call:stopMediaTo(unit) end

---@class CallRecordParameters
---@field stereo? boolean The caller left, what the caller hears right (default: false, a mix).
---@field hd_audio? boolean 48 kHz (default: false, 8 kHz).
---@field lossless? boolean Accepted, without effect.
---@field secure? boolean Accepted, without effect.
---@field expire? string Accepted, without effect.
---@field transcribe? boolean Accepted, without effect.
---@field language? string Accepted, without effect.
---@field video? boolean Accepted, without effect.
---@field videoParameters? table Accepted, without effect.
---@field recordNamePrefix? string Accepted, without effect.
---@field dict? table Accepted, without effect.
---@field labels? string[] Accepted, without effect.
---@field provider? string Accepted, without effect.
---@field format? string Accepted, without effect.

--- Records the call until it ends; RecordStarted and RecordStopped follow. Once per call; raises `limit.recorders`
--- past 8 at a time.
---@param parameters? CallRecordParameters How to record (default: {}, a mix at 8 kHz).
function Call:record(parameters) end

--- Adds a listener. What is not a function is accepted, and ends the session when the event comes.
---@param event CallEvents A constant, or its string.
---@param callback fun(event: CallEvent) Gets the event. It may `await`.
function Call:addEventListener(event, callback) end

--- Removes a listener, however often it was added; without `callback` all listeners of the event.
---@param event CallEvents A constant, or its string.
---@param callback? fun(event: CallEvent) The one that was added (default: all).
function Call:removeEventListener(event, callback) end
