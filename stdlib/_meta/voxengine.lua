---@meta
--- The session: its events, its data, and the calls it starts.

--- Events of the session; each constant is the string it stands for.
---@enum AppEvents
AppEvents = {
  --- Once, first: the top level of every scenario has finished. Payload: `StartedEvent`.
  Started = "Application.Started",
  --- A call comes in. Payload: `CallAlertingEvent`.
  CallAlerting = "Application.CallAlerting",
  --- The session is about to end: timers, calls and sockets are gone. Payload: `AppEvent`.
  Terminating = "Application.Terminating",
  --- After Terminating; only `Logger.write` works. Payload: `AppEvent`.
  Terminated = "Application.Terminated",
}

---@class AppEvent
---@field name string The event, such as "Application.Started".

---@class StartedEvent: AppEvent
---@field accessURL string Where HTTP requests reach this session.
---@field accessSecureURL string The same over TLS.
---@field accountId integer A number; of no meaning here.
---@field applicationId integer A number; of no meaning here.
---@field sessionId integer Number of this session.
---@field logURL string Where the session's log is found once it has ended.
---@field reloaded? boolean True when this code took over from earlier code.

---@class CallAlertingEvent: AppEvent
---@field call Call The incoming call, ALERTING.
---@field callerid string Who calls: a number or a user name.
---@field destination string What was dialled.
---@field toURI string SIP address that was dialled.
---@field fromURI string SIP address of the caller.
---@field displayName string Name of the caller.
---@field headers table<string, string> SIP headers X-… and User-to-User.
---@field customData? string Text given to the call by who started it.
---@field scheme? table Codecs the caller offers.
---@field reloaded? boolean True when the call was there before this code: it is CONNECTED unless it still rang.

---@class VoxEngine
VoxEngine = {}

--- Adds a listener. What is not a function is accepted, and ends the session when the event comes.
---@param event AppEvents A constant, or its string.
---@param callback fun(event: AppEvent) Gets the event. It may `await`.
function VoxEngine.addEventListener(event, callback) end

--- Removes a listener, however often it was added; without `callback` all listeners of the event.
---@param event AppEvents A constant, or its string.
---@param callback? fun(event: AppEvent) The one that was added (default: all).
function VoxEngine.removeEventListener(event, callback) end

--- Ends the session after this turn. The running block goes on: write `return` after it. Repeating it is harmless.
function VoxEngine.terminate() end

--- Returns the session's text, after setting it if `value` is given.
---@param value? string At most 200 bytes, else raises `limit.custom_data` (default: it stays).
---@return string (default: what `--custom-data` or the API start gave, else "")
function VoxEngine.customData(value) end

--- Returns a secret of the operator (`.env`, `--secret`, the two Yandex names), nil when there is none.
---@param name string As in `.env` or `--secret NAME=VALUE`.
---@return string?
function VoxEngine.getSecretValue(name) end

--- Sends the audio of each of two units to the other: `a:sendMediaTo(b)` and `b:sendMediaTo(a)`.
---@param unit1 MediaUnit A call or a realtime client.
---@param unit2 MediaUnit Another.
function VoxEngine.sendMediaBetween(unit1, unit2) end

--- Undoes `sendMediaBetween`.
---@param unit1 MediaUnit A call or a realtime client.
---@param unit2 MediaUnit Another.
function VoxEngine.stopMediaBetween(unit1, unit2) end

--- Calls a phone number. The call is PROGRESSING; its Connected or Failed comes later.
--- Raises `limit.call_attempts` past 50 calls of the session, `session.ended` once it is ending.
---@param number string E.164, without spaces.
---@param callerid string The number that the far side sees.
---@param parameters? { amd?: table, followDiversion?: boolean } Accepted, without effect.
---@return Call
function VoxEngine.callPSTN(number, callerid, parameters) end

---@class CallSIPParameters
---@field callerid? string (default: "")
---@field displayName? string (default: "")
---@field headers? table<string, string> X-… headers; "VI-CallTimeout": s to answer, 10 to 400 (default: 60).
---@field authUser? string Accepted, without effect.
---@field password? string Accepted, without effect.
---@field outProxy? string Accepted, without effect.
---@field regId? integer Accepted, without effect.
---@field amd? table Accepted, without effect.
---@field scheme? table Accepted, without effect.
---@field video? boolean Accepted, without effect.
---@field strictCodecList? boolean Accepted, without effect.
---@field allow180After183? boolean Accepted, without effect.
---@field disableDtxForAudio? boolean Accepted, without effect.

--- Calls a SIP address. The older form names its values by position.
---@param to string A SIP address: "sip:100@example.org".
---@param parameters? CallSIPParameters|string Parameters, or the caller id of the older form (default: {}).
---@param displayName? string Older form (default: none).
---@param password? string Older form (default: none).
---@param authUser? string Older form (default: none).
---@param extraHeaders? table<string, string> Older form (default: none).
---@param video? boolean Older form (default: none).
---@param outProxy? string Older form (default: none).
---@return Call
function VoxEngine.callSIP(to, parameters, displayName, password, authUser, extraHeaders, video, outProxy) end

---@class CallUserParameters
---@field username string Whom to call.
---@field callerid string The number that the far side sees.
---@field displayName? string (default: "")
---@field extraHeaders? table<string, string> X-… headers; "VI-CallTimeout": s to answer, 10 to 400 (default: 60).
---@field analyticsLabel? string Accepted, without effect.
---@field pushNotificationTimeout? integer ms. Accepted, without effect.
---@field amd? table Accepted, without effect.
---@field scheme? table Accepted, without effect.
---@field video? boolean Accepted, without effect.
---@field disableDtxForAudio? boolean Accepted, without effect.

--- Calls a user of the application.
---@param parameters CallUserParameters Whom to call, and as whom.
---@return Call
function VoxEngine.callUser(parameters) end
