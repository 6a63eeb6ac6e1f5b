---@meta
--- The realtime API of Yandex. `require(Modules.Yandex)` defines the global.

---@class Yandex
Yandex = {}

--- The files of `trace` and `statistics` are in the folder recordings; the log line `websocket.created` names them.
---@class Yandex.RealtimeAPIClientParameters
---@field apiKey string Key of Yandex Cloud; anything but "" for the embedded server.
---@field folderId string Folder of Yandex Cloud.
---@field model? string Bare name (default: "speech-realtime-250923").
---@field onWebSocketClose? fun(event: Yandex.WebSocketCloseEvent) Called when the socket closes (default: none).
---@field privacy? boolean Nothing of this socket is logged, or traced (default: false).
---@field trace? boolean Writes every message to a file, audio as length and level; for diagnosis (default: false).
---@field statistics? boolean Writes messages, bytes and lost audio to a file, once a second (default: false).

---@class Yandex.WebSocketCloseEvent
---@field websocket Yandex.RealtimeAPIClient The client.
---@field code integer WebSocket close code: 1000 normal, 1006 lost …
---@field reason string Why, in words of who closed it; often "".
---@field wasClean boolean Whether both sides closed.

--- Connects. The promise gives a client once the socket is open; messages may be sent at once, and listeners added
--- right after the `await` hear the first event. It is rejected with a `ProviderError`.
--- Raises `limit.sockets` past 8 open clients, `session.ended` once the session is ending.
---@param parameters Yandex.RealtimeAPIClientParameters Whom to connect to.
---@return Promise<Yandex.RealtimeAPIClient>
function Yandex.createRealtimeAPIClient(parameters) end

--- Events of the audio between the provider and a call.
---@enum Yandex.Events
Yandex.Events = {
  --- Audio of the provider begins to play. Payload: `Yandex.MediaStartedEvent`.
  WebSocketMediaStarted = "Yandex.Events.WebSocketMediaStarted",
  --- 1 s of silence after audio of the provider: what it said has been heard. Payload: `Yandex.MediaEndedEvent`.
  WebSocketMediaEnded = "Yandex.Events.WebSocketMediaEnded",
}

---@class Yandex.MediaStartedEvent
---@field client Yandex.RealtimeAPIClient The client it came from.
---@field encoding? string Format of the provider's audio.
---@field customParameters? table<string, string> What the provider sent with it.
---@field tag? string Name of the stream (default: none).

---@class Yandex.MediaEndedEvent
---@field client Yandex.RealtimeAPIClient The client it came from.
---@field mediaInfo? { duration: number } Length of what was played, in s.
---@field tag? string Name of the stream (default: none).

---@class Yandex.RealtimeEvent
---@field client Yandex.RealtimeAPIClient The client it came from.
---@field data Yandex.RealtimeEventData The message of the provider.
---@field reloaded? boolean Of SessionCreated: true when the client was there before this code.

---@class Yandex.RealtimeEventData
---@field payload table The provider's message, with `type` and `event_id`; of the connector's events, their fields.
---@field customEvent? string The message's `type`.

--- Events of the provider. Payload: `Yandex.RealtimeEvent`. Fields: those of `data.payload`, beside `type` and `event_id`.
---@enum Yandex.RealtimeAPIEvents
Yandex.RealtimeAPIEvents = {
  --- A message type that has no constant of its own; its fields are the provider's.
  Unknown = "Yandex.RealtimeAPI.Unknown",
  --- The HTTP answer that opened the socket. First event of a client.
  --- Fields: `status`, `headers`.
  HTTPResponse = "Yandex.RealtimeAPI.HTTPResponse",
  --- The open socket failed; `onWebSocketClose` follows.
  --- Fields: `message`.
  WebSocketError = "Yandex.RealtimeAPI.WebSocketError",
  --- What voxrt connected to. Second event of a client.
  --- Fields: `url`.
  ConnectorInformation = "Yandex.RealtimeAPI.ConnectorInformation",
  --- The provider refused a message: `error` {type, code, message, param, event_id}. The session goes on.
  --- Fields: `error`.
  Error = "Yandex.RealtimeAPI.Error",
  --- First message of the provider.
  --- Fields: `session`.
  SessionCreated = "Yandex.RealtimeAPI.SessionCreated",
  --- Answer to `sessionUpdate`: the whole configuration.
  --- Fields: `session`.
  SessionUpdated = "Yandex.RealtimeAPI.SessionUpdated",
  --- An item was added to the conversation.
  --- Fields: `item`, `previous_item_id`.
  ConversationItemCreated = "Yandex.RealtimeAPI.ConversationItemCreated",
  --- Answer to `conversationItemRetrieve`.
  --- Fields: `item`.
  ConversationItemRetrieved = "Yandex.RealtimeAPI.ConversationItemRetrieved",
  --- What the caller said.
  --- Fields: `item_id`, `content_index`, `transcript`.
  ConversationItemInputAudioTranscriptionCompleted = "Yandex.RealtimeAPI.ConversationItemInputAudioTranscriptionCompleted",
  --- Part of what the caller said.
  --- Fields: `item_id`, `content_index`, `delta`.
  ConversationItemInputAudioTranscriptionDelta = "Yandex.RealtimeAPI.ConversationItemInputAudioTranscriptionDelta",
  --- Part of what the caller said, with its speaker and its times in s.
  --- Fields: `item_id`, `content_index`, `id`, `text`, `speaker`, `start`, `end`.
  ConversationItemInputAudioTranscriptionSegment = "Yandex.RealtimeAPI.ConversationItemInputAudioTranscriptionSegment",
  --- What the caller said was not understood.
  --- Fields: `item_id`, `content_index`, `error`.
  ConversationItemInputAudioTranscriptionFailed = "Yandex.RealtimeAPI.ConversationItemInputAudioTranscriptionFailed",
  --- An item was cut to what had been heard.
  --- Fields: `item_id`, `content_index`, `audio_end_ms`.
  ConversationItemTruncated = "Yandex.RealtimeAPI.ConversationItemTruncated",
  --- An item was removed from the conversation.
  --- Fields: `item_id`.
  ConversationItemDeleted = "Yandex.RealtimeAPI.ConversationItemDeleted",
  --- The caller's turn became an item.
  --- Fields: `item_id`, `previous_item_id`.
  InputAudioBufferCommitted = "Yandex.RealtimeAPI.InputAudioBufferCommitted",
  --- The caller's audio was dropped.
  --- Fields: none.
  InputAudioBufferCleared = "Yandex.RealtimeAPI.InputAudioBufferCleared",
  --- The caller pressed a key.
  --- Fields: `digit`, `timestamp_ms`.
  InputAudioBufferDTMFEventReceived = "Yandex.RealtimeAPI.InputAudioBufferDTMFEventReceived",
  --- The caller began to speak. Call `clearMediaBuffer` here.
  --- Fields: `audio_start_ms`, `item_id`.
  InputAudioBufferSpeechStarted = "Yandex.RealtimeAPI.InputAudioBufferSpeechStarted",
  --- The caller stopped.
  --- Fields: `audio_end_ms`, `item_id`.
  InputAudioBufferSpeechStopped = "Yandex.RealtimeAPI.InputAudioBufferSpeechStopped",
  --- The caller said nothing.
  --- Fields: `audio_start_ms`, `audio_end_ms`, `item_id`.
  InputAudioBufferTimeoutTriggered = "Yandex.RealtimeAPI.InputAudioBufferTimeoutTriggered",
  --- The provider dropped audio that it had not sent.
  --- Fields: `response_id`.
  OutputAudioBufferCleared = "Yandex.RealtimeAPI.OutputAudioBufferCleared",
  --- The provider begins to send audio.
  --- Fields: `response_id`.
  OutputAudioBufferStarted = "Yandex.RealtimeAPI.OutputAudioBufferStarted",
  --- The provider has sent all audio of a response.
  --- Fields: `response_id`.
  OutputAudioBufferStopped = "Yandex.RealtimeAPI.OutputAudioBufferStopped",
  --- A response begins.
  --- Fields: `response`.
  ResponseCreated = "Yandex.RealtimeAPI.ResponseCreated",
  --- Last of a response: `response` {status: completed, cancelled, failed, incomplete; output; usage}.
  --- Fields: `response`.
  ResponseDone = "Yandex.RealtimeAPI.ResponseDone",
  --- A response has a new item.
  --- Fields: `response_id`, `output_index`, `item`.
  ResponseOutputItemAdded = "Yandex.RealtimeAPI.ResponseOutputItemAdded",
  --- An item is complete; the event to watch for function calls.
  --- Fields: `response_id`, `output_index`, `item`.
  ResponseOutputItemDone = "Yandex.RealtimeAPI.ResponseOutputItemDone",
  --- An item has a new part.
  --- Fields: `response_id`, `output_index`, `item_id`, `content_index`, `part`.
  ResponseContentPartAdded = "Yandex.RealtimeAPI.ResponseContentPartAdded",
  --- A part is complete.
  --- Fields: `response_id`, `output_index`, `item_id`, `content_index`, `part`.
  ResponseContentPartDone = "Yandex.RealtimeAPI.ResponseContentPartDone",
  --- Part of a text answer.
  --- Fields: `response_id`, `output_index`, `item_id`, `content_index`, `delta`.
  ResponseOutputTextDelta = "Yandex.RealtimeAPI.ResponseOutputTextDelta",
  --- A whole text answer.
  --- Fields: `response_id`, `output_index`, `item_id`, `content_index`, `text`.
  ResponseOutputTextDone = "Yandex.RealtimeAPI.ResponseOutputTextDone",
  --- Part of what the agent says.
  --- Fields: `response_id`, `output_index`, `item_id`, `content_index`, `delta`.
  ResponseOutputAudioTranscriptDelta = "Yandex.RealtimeAPI.ResponseOutputAudioTranscriptDelta",
  --- What the agent says; comes before the audio has been heard.
  --- Fields: `response_id`, `output_index`, `item_id`, `content_index`, `transcript`.
  ResponseOutputAudioTranscriptDone = "Yandex.RealtimeAPI.ResponseOutputAudioTranscriptDone",
  --- The provider has sent all audio of a part; the audio itself is not in it.
  --- Fields: `response_id`, `output_index`, `item_id`, `content_index`.
  ResponseOutputAudioDone = "Yandex.RealtimeAPI.ResponseOutputAudioDone",
  --- Part of the arguments of a function call.
  --- Fields: `response_id`, `output_index`, `item_id`, `call_id`, `delta`.
  ResponseFunctionCallArgumentsDelta = "Yandex.RealtimeAPI.ResponseFunctionCallArgumentsDelta",
  --- The arguments of a function call, as JSON text. No function name: it is in the item.
  --- Fields: `response_id`, `output_index`, `item_id`, `call_id`, `arguments`.
  ResponseFunctionCallArgumentsDone = "Yandex.RealtimeAPI.ResponseFunctionCallArgumentsDone",
  --- Part of the arguments of a call of an MCP tool.
  --- Fields: `response_id`, `output_index`, `item_id`, `delta`.
  ResponseMCPCallArgumentsDelta = "Yandex.RealtimeAPI.ResponseMCPCallArgumentsDelta",
  --- The arguments of a call of an MCP tool, as JSON text.
  --- Fields: `response_id`, `output_index`, `item_id`, `arguments`.
  ResponseMCPCallArgumentsDone = "Yandex.RealtimeAPI.ResponseMCPCallArgumentsDone",
  --- An MCP tool runs.
  --- Fields: `output_index`, `item_id`.
  ResponseMCPCallInProgress = "Yandex.RealtimeAPI.ResponseMCPCallInProgress",
  --- An MCP tool has answered.
  --- Fields: `output_index`, `item_id`.
  ResponseMCPCallCompleted = "Yandex.RealtimeAPI.ResponseMCPCallCompleted",
  --- An MCP tool has failed.
  --- Fields: `output_index`, `item_id`.
  ResponseMCPCallFailed = "Yandex.RealtimeAPI.ResponseMCPCallFailed",
  --- The tools of an MCP server are asked for.
  --- Fields: `item_id`.
  MCPListToolsInProgress = "Yandex.RealtimeAPI.MCPListToolsInProgress",
  --- The tools of an MCP server are known.
  --- Fields: `item_id`.
  MCPListToolsCompleted = "Yandex.RealtimeAPI.MCPListToolsCompleted",
  --- The tools of an MCP server could not be had.
  --- Fields: `item_id`.
  MCPListToolsFailed = "Yandex.RealtimeAPI.MCPListToolsFailed",
  --- What is left of the quotas: `rate_limits`, a list of {name, limit, remaining, reset_seconds}.
  --- Fields: `rate_limits`.
  RateLimitsUpdated = "Yandex.RealtimeAPI.RateLimitsUpdated",
}

--- A connection to the realtime API; a media unit. Once it is closed, its methods do nothing.
---@class Yandex.RealtimeAPIClient
local Client = {}

--- Returns the client's id.
---@return string
function Client:id() end

--- Returns the id of its socket.
---@return string
function Client:webSocketId() end

--- Closes the socket. Repeating it is harmless.
function Client:close() end

--- Sends the provider's audio to a unit. A call must be connected, or answered at least, else raises `call.state`.
---@param unit MediaUnit A call or a realtime client.
---@param parameters? SendMediaParameters For calls and realtime clients without effect (default: {}).
function Client:sendMediaTo(unit, parameters) end

--- Undoes `sendMediaTo`.
---@param unit MediaUnit A call or a realtime client.
function Client:stopMediaTo(unit) end

--- Drops audio of the provider that was not played yet. The provider is not told.
---@param parameters? { tag?: string } A provider sends one stream: `tag` is without effect (default: {}).
function Client:clearMediaBuffer(parameters) end

---@class Yandex.Interrupted
---@field item_id? string The item that the caller was hearing, or about to hear; nil when there was none.
---@field content_index? integer Its content part.
---@field heard_ms integer How much of it the caller has heard, in ms.
---@field received_ms? integer How much of it had come from the provider, in ms.
---@field cancelled boolean Whether a response was running, and was cancelled.
---@field truncated boolean Whether the provider was told what was heard; false where all of it was.

--- voxrt's own: the caller hears no more of what the agent says, from the next 20 ms on, whatever still comes of it.
--- The provider's running response is cancelled, and the items are truncated to what the caller has heard.
---@param parameters? { cancel?: boolean, truncate?: boolean } What the provider is told (default: both).
---@return Promise<Yandex.Interrupted>
function Client:interrupt(parameters) end

--- voxrt's own: waits until the agent has been quiet for so long: no response runs, and all of its audio was heard.
--- Silence before the call counts. The promise gives false when the client is closed before that.
--- Raises `limit.timers` when 100 promises of the client wait.
---@param ms number Milliseconds, 0 to 3600000.
---@return Promise<boolean>
function Client:quiet(ms) end

--- Adds a listener. What is not a function is accepted, and ends the session when the event comes.
---@param event Yandex.Events|Yandex.RealtimeAPIEvents A constant, or its string.
---@param callback fun(event: Yandex.RealtimeEvent) Gets the event. It may `await`.
function Client:addEventListener(event, callback) end

--- Removes a listener, however often it was added; without `callback` all listeners of the event.
---@param event Yandex.Events|Yandex.RealtimeAPIEvents A constant, or its string.
---@param callback? fun(event: Yandex.RealtimeEvent) The one that was added (default: all).
function Client:removeEventListener(event, callback) end

---@class Yandex.Session
---@field type? string (default: "realtime")
---@field instructions? string What the agent is told to do (default: "").
---@field output_modalities? string[] `{ "audio" }` or `{ "text" }` (default: audio).
---@field audio? table `input` {format, turn_detection, transcription}, `output` {format, voice, speed} (default: 24 kHz).
---@field tools? table[] Functions that the agent may call (default: none).
---@field tool_choice? string|table "none", "required", or one function (default: "auto").
---@field max_output_tokens? integer|string Of one response (default: "inf").
---@field turn_detection? table Deprecated: write `audio.input.turn_detection`.
---@field input_audio_transcription? table Deprecated: write `audio.input.transcription`.
---@field input_audio_format? string Deprecated: write `audio.input.format`.
---@field output_audio_format? string Deprecated: write `audio.output.format`.
---@field voice? string Deprecated: write `audio.output.voice`.
---@field modalities? string[] Deprecated: write `output_modalities`.
---@field max_response_output_tokens? integer|string Deprecated: write `max_output_tokens`.
---@field [string] any What else the provider takes.

--- Sends `session.update`: a patch of the configuration. Added when missing: `session.type` "realtime", and once per
--- client both audio formats (audio/pcm, 24 000 Hz). `turn_detection`, `voice` and `input_audio_transcription` directly
--- under `session` move to where they belong.
---@param parameters { event_id?: string, session: Yandex.Session } The message, as on the wire.
function Client:sessionUpdate(parameters) end

--- Sends `conversation.item.create`.
---@param parameters { event_id?: string, previous_item_id?: string, item: table } The message, as on the wire.
function Client:conversationItemCreate(parameters) end

--- Sends `conversation.item.retrieve`.
---@param parameters { event_id?: string, item_id: string } The message, as on the wire.
function Client:conversationItemRetrieve(parameters) end

--- Sends `conversation.item.truncate`. Without `audio_end_ms` it is what the caller has heard of the item.
---@param parameters { event_id?: string, item_id: string, content_index?: integer, audio_end_ms?: integer } The message.
function Client:conversationItemTruncate(parameters) end

--- Sends `conversation.item.delete`.
---@param parameters { event_id?: string, item_id: string } The message, as on the wire.
function Client:conversationItemDelete(parameters) end

--- Sends `response.create`. The fields may stand directly in `parameters`, or under `response` as on the wire.
---@param parameters? table `instructions`, `output_modalities`, `tools`, `metadata` … (default: {})
function Client:responseCreate(parameters) end

--- Sends `response.cancel`; without an id the running response is cancelled.
---@param parameters? { event_id?: string, response_id?: string } (default: {})
function Client:responseCancel(parameters) end
