---@meta
--- The realtime API of Yandex. `require(Modules.Yandex)` defines the global.

---@class Yandex
Yandex = {}

---@class Yandex.RealtimeAPIClientParameters
---@field apiKey string Key of Yandex Cloud; anything but "" for the embedded server.
---@field folderId string Folder of Yandex Cloud.
---@field model? string Bare name (default: "speech-realtime-250923").
---@field onWebSocketClose? fun(event: Yandex.WebSocketCloseEvent) Called when the socket closes: clean up here.
---@field privacy? boolean Nothing of this socket is logged, or traced (default: false).
---@field trace? boolean Writes every message to a text file of the folder recordings, audio as length and level; for
---  diagnosis only. Its name stands in the log line `websocket.created` (default: false).
---@field statistics? boolean Writes messages, bytes and lost audio, once a second, to a file there (default: false).

---@class Yandex.WebSocketCloseEvent
---@field websocket Yandex.RealtimeAPIClient The client.
---@field code integer WebSocket close code: 1000 normal, 1006 lost …
---@field reason string
---@field wasClean boolean Whether both sides closed.

--- Connects. The promise gives a client once the socket is open; messages may be sent at once, and listeners added
--- right after the `await` hear the first event. It is rejected with a `ProviderError`.
--- Raises `limit.sockets` past 8 open clients, `session.ended` once the session is ending.
---@param parameters Yandex.RealtimeAPIClientParameters
---@return Promise # of a `Yandex.RealtimeAPIClient`
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
---@field client Yandex.RealtimeAPIClient
---@field encoding? string
---@field customParameters? table<string, string>
---@field tag? string

---@class Yandex.MediaEndedEvent
---@field client Yandex.RealtimeAPIClient
---@field mediaInfo? { duration: number } Length of what was played, in s.
---@field tag? string

---@class Yandex.RealtimeEvent
---@field client Yandex.RealtimeAPIClient
---@field data Yandex.RealtimeEventData

---@class Yandex.RealtimeEventData
---@field payload table The provider's message, with `type` and `event_id`; of the connector's events, their fields.
---@field customEvent? string The message's `type`.

--- Events of the provider. Payload of each: `Yandex.RealtimeEvent`; the fields named here are those of `data.payload`.
---@enum Yandex.RealtimeAPIEvents
Yandex.RealtimeAPIEvents = {
  --- A message type that has no constant of its own.
  Unknown = "Yandex.RealtimeAPI.Unknown",
  --- The HTTP answer that opened the socket: `status`, `headers`. First event of a client.
  HTTPResponse = "Yandex.RealtimeAPI.HTTPResponse",
  --- The open socket failed: `message`. `onWebSocketClose` follows.
  WebSocketError = "Yandex.RealtimeAPI.WebSocketError",
  --- What voxrt connected to: `url`. Second event of a client.
  ConnectorInformation = "Yandex.RealtimeAPI.ConnectorInformation",
  --- The provider refused a message: `error` {type, code, message, param, event_id}. The session goes on.
  Error = "Yandex.RealtimeAPI.Error",
  --- First message of the provider: `session`.
  SessionCreated = "Yandex.RealtimeAPI.SessionCreated",
  --- Answer to `sessionUpdate`: `session`, the whole configuration.
  SessionUpdated = "Yandex.RealtimeAPI.SessionUpdated",
  --- `item`, `previous_item_id`.
  ConversationItemCreated = "Yandex.RealtimeAPI.ConversationItemCreated",
  --- Answer to `conversationItemRetrieve`: `item`.
  ConversationItemRetrieved = "Yandex.RealtimeAPI.ConversationItemRetrieved",
  --- What the caller said: `item_id`, `content_index`, `transcript`.
  ConversationItemInputAudioTranscriptionCompleted = "Yandex.RealtimeAPI.ConversationItemInputAudioTranscriptionCompleted",
  --- Part of what the caller said: `item_id`, `content_index`, `delta`.
  ConversationItemInputAudioTranscriptionDelta = "Yandex.RealtimeAPI.ConversationItemInputAudioTranscriptionDelta",
  --- `item_id`, `content_index`, `id`, `text`, `speaker`, `start`, `end`.
  ConversationItemInputAudioTranscriptionSegment = "Yandex.RealtimeAPI.ConversationItemInputAudioTranscriptionSegment",
  --- `item_id`, `content_index`, `error`.
  ConversationItemInputAudioTranscriptionFailed = "Yandex.RealtimeAPI.ConversationItemInputAudioTranscriptionFailed",
  --- `item_id`, `content_index`, `audio_end_ms`.
  ConversationItemTruncated = "Yandex.RealtimeAPI.ConversationItemTruncated",
  --- `item_id`.
  ConversationItemDeleted = "Yandex.RealtimeAPI.ConversationItemDeleted",
  --- The caller's turn became an item: `item_id`, `previous_item_id`.
  InputAudioBufferCommitted = "Yandex.RealtimeAPI.InputAudioBufferCommitted",
  --- No fields.
  InputAudioBufferCleared = "Yandex.RealtimeAPI.InputAudioBufferCleared",
  --- `digit`, `timestamp_ms`.
  InputAudioBufferDTMFEventReceived = "Yandex.RealtimeAPI.InputAudioBufferDTMFEventReceived",
  --- The caller began to speak: `audio_start_ms`, `item_id`. Call `clearMediaBuffer` here.
  InputAudioBufferSpeechStarted = "Yandex.RealtimeAPI.InputAudioBufferSpeechStarted",
  --- The caller stopped: `audio_end_ms`, `item_id`.
  InputAudioBufferSpeechStopped = "Yandex.RealtimeAPI.InputAudioBufferSpeechStopped",
  --- The caller said nothing: `audio_start_ms`, `audio_end_ms`, `item_id`.
  InputAudioBufferTimeoutTriggered = "Yandex.RealtimeAPI.InputAudioBufferTimeoutTriggered",
  --- `response_id`.
  OutputAudioBufferCleared = "Yandex.RealtimeAPI.OutputAudioBufferCleared",
  --- `response_id`.
  OutputAudioBufferStarted = "Yandex.RealtimeAPI.OutputAudioBufferStarted",
  --- `response_id`.
  OutputAudioBufferStopped = "Yandex.RealtimeAPI.OutputAudioBufferStopped",
  --- `response`, in_progress.
  ResponseCreated = "Yandex.RealtimeAPI.ResponseCreated",
  --- Last of a response: `response` {status: completed, cancelled, failed, incomplete; output; usage}.
  ResponseDone = "Yandex.RealtimeAPI.ResponseDone",
  --- `response_id`, `output_index`, `item`.
  ResponseOutputItemAdded = "Yandex.RealtimeAPI.ResponseOutputItemAdded",
  --- `response_id`, `output_index`, `item`; the one to watch for function calls.
  ResponseOutputItemDone = "Yandex.RealtimeAPI.ResponseOutputItemDone",
  --- `response_id`, `output_index`, `item_id`, `content_index`, `part`.
  ResponseContentPartAdded = "Yandex.RealtimeAPI.ResponseContentPartAdded",
  --- The same with the final `part`.
  ResponseContentPartDone = "Yandex.RealtimeAPI.ResponseContentPartDone",
  --- `response_id`, `output_index`, `item_id`, `content_index`, `delta`.
  ResponseOutputTextDelta = "Yandex.RealtimeAPI.ResponseOutputTextDelta",
  --- The same with `text`.
  ResponseOutputTextDone = "Yandex.RealtimeAPI.ResponseOutputTextDone",
  --- Part of what the agent says: fields as above.
  ResponseOutputAudioTranscriptDelta = "Yandex.RealtimeAPI.ResponseOutputAudioTranscriptDelta",
  --- What the agent says: the same with `transcript`. Comes before the audio has been heard.
  ResponseOutputAudioTranscriptDone = "Yandex.RealtimeAPI.ResponseOutputAudioTranscriptDone",
  --- `response_id`, `output_index`, `item_id`, `content_index`; no audio inside.
  ResponseOutputAudioDone = "Yandex.RealtimeAPI.ResponseOutputAudioDone",
  --- `response_id`, `output_index`, `item_id`, `call_id`, `delta`.
  ResponseFunctionCallArgumentsDelta = "Yandex.RealtimeAPI.ResponseFunctionCallArgumentsDelta",
  --- The same with `arguments` (JSON text). No function name: it is in the item.
  ResponseFunctionCallArgumentsDone = "Yandex.RealtimeAPI.ResponseFunctionCallArgumentsDone",
  --- `response_id`, `output_index`, `item_id`, `delta`.
  ResponseMCPCallArgumentsDelta = "Yandex.RealtimeAPI.ResponseMCPCallArgumentsDelta",
  --- The same with `arguments`.
  ResponseMCPCallArgumentsDone = "Yandex.RealtimeAPI.ResponseMCPCallArgumentsDone",
  --- `output_index`, `item_id`.
  ResponseMCPCallInProgress = "Yandex.RealtimeAPI.ResponseMCPCallInProgress",
  --- `output_index`, `item_id`.
  ResponseMCPCallCompleted = "Yandex.RealtimeAPI.ResponseMCPCallCompleted",
  --- `output_index`, `item_id`.
  ResponseMCPCallFailed = "Yandex.RealtimeAPI.ResponseMCPCallFailed",
  --- `item_id`.
  MCPListToolsInProgress = "Yandex.RealtimeAPI.MCPListToolsInProgress",
  --- `item_id`.
  MCPListToolsCompleted = "Yandex.RealtimeAPI.MCPListToolsCompleted",
  --- `item_id`.
  MCPListToolsFailed = "Yandex.RealtimeAPI.MCPListToolsFailed",
  --- `rate_limits`: list of {name, limit, remaining, reset_seconds}.
  RateLimitsUpdated = "Yandex.RealtimeAPI.RateLimitsUpdated",
}

--- A connection to the realtime API; a media unit. Once it is closed, its methods do nothing.
---@class Yandex.RealtimeAPIClient
Yandex.RealtimeAPIClient = {}

--- Returns the client's id.
---@return string
function Yandex.RealtimeAPIClient:id() end

--- Returns the id of its socket.
---@return string
function Yandex.RealtimeAPIClient:webSocketId() end

--- Closes the socket. Repeating it is harmless.
function Yandex.RealtimeAPIClient:close() end

--- Sends the provider's audio to a unit. A call must be connected, or answered at least, else raises `call.state`.
---@param unit MediaUnit
---@param parameters? SendMediaParameters
function Yandex.RealtimeAPIClient:sendMediaTo(unit, parameters) end

--- Undoes `sendMediaTo`.
---@param unit MediaUnit
function Yandex.RealtimeAPIClient:stopMediaTo(unit) end

--- Drops audio of the provider that was not played yet. The provider is not told.
---@param parameters? { tag?: string } A provider sends one stream, so `tag` leaves nothing to choose.
function Yandex.RealtimeAPIClient:clearMediaBuffer(parameters) end

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
---@return Promise # of a `Yandex.Interrupted`
function Yandex.RealtimeAPIClient:interrupt(parameters) end

--- voxrt's own: waits until the agent has been quiet for so long: no response runs, and all of its audio was heard.
--- Silence before the call counts. The promise gives false when the client is closed before that.
--- Raises `limit.timers` when 100 promises of the client wait.
---@param ms number Milliseconds, 0 to 3600000.
---@return Promise # of a boolean
function Yandex.RealtimeAPIClient:quiet(ms) end

--- Adds a listener. What is not a function is accepted, and ends the session when the event comes.
---@param event Yandex.Events|Yandex.RealtimeAPIEvents
---@param callback fun(event: Yandex.RealtimeEvent)
function Yandex.RealtimeAPIClient:addEventListener(event, callback) end

--- Removes a listener, however often it was added; without `callback` all listeners of the event.
---@param event Yandex.Events|Yandex.RealtimeAPIEvents
---@param callback? fun(event: Yandex.RealtimeEvent)
function Yandex.RealtimeAPIClient:removeEventListener(event, callback) end

--- Sends `session.update`: a patch of the configuration. Added when missing: `session.type` "realtime", and once per
--- client both audio formats (audio/pcm, 24 000 Hz). `turn_detection`, `voice` and `input_audio_transcription` directly
--- under `session` move to where they belong.
---@param parameters { event_id?: string, session: table }
function Yandex.RealtimeAPIClient:sessionUpdate(parameters) end

--- Sends `conversation.item.create`.
---@param parameters { event_id?: string, previous_item_id?: string, item: table }
function Yandex.RealtimeAPIClient:conversationItemCreate(parameters) end

--- Sends `conversation.item.retrieve`.
---@param parameters { event_id?: string, item_id: string }
function Yandex.RealtimeAPIClient:conversationItemRetrieve(parameters) end

--- Sends `conversation.item.truncate`. Without `audio_end_ms` it is what the caller has heard of the item.
---@param parameters { event_id?: string, item_id: string, content_index?: integer, audio_end_ms?: integer }
function Yandex.RealtimeAPIClient:conversationItemTruncate(parameters) end

--- Sends `conversation.item.delete`.
---@param parameters { event_id?: string, item_id: string }
function Yandex.RealtimeAPIClient:conversationItemDelete(parameters) end

--- Sends `response.create`. The fields may stand directly in `parameters`, or under `response` as on the wire.
---@param parameters? table `instructions`, `output_modalities`, `tools`, `metadata` … (default: {})
function Yandex.RealtimeAPIClient:responseCreate(parameters) end

--- Sends `response.cancel`; without an id the running response is cancelled.
---@param parameters? { event_id?: string, response_id?: string } (default: {})
function Yandex.RealtimeAPIClient:responseCancel(parameters) end
