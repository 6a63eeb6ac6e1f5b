--- The event constants of `Yandex`.
local host = ...

local events = { media = {}, realtime = {} }
for _, name in ipairs({ "WebSocketMediaStarted", "WebSocketMediaEnded" }) do
  events.media[name] = "Yandex.Events." .. name
end

-- The published typings give RateLimitsUpdated the string of ResponseMCPCallFailed, a slip; here it has its own.
for _, name in ipairs({
  "Unknown",
  "HTTPResponse",
  "WebSocketError",
  "ConnectorInformation",
  "Error",
  "SessionCreated",
  "SessionUpdated",
  "ConversationItemCreated",
  "ConversationItemRetrieved",
  "ConversationItemInputAudioTranscriptionCompleted",
  "ConversationItemInputAudioTranscriptionDelta",
  "ConversationItemInputAudioTranscriptionSegment",
  "ConversationItemInputAudioTranscriptionFailed",
  "ConversationItemTruncated",
  "ConversationItemDeleted",
  "InputAudioBufferCommitted",
  "InputAudioBufferCleared",
  "InputAudioBufferDTMFEventReceived",
  "InputAudioBufferSpeechStarted",
  "InputAudioBufferSpeechStopped",
  "InputAudioBufferTimeoutTriggered",
  "OutputAudioBufferCleared",
  "OutputAudioBufferStarted",
  "OutputAudioBufferStopped",
  "ResponseCreated",
  "ResponseDone",
  "ResponseOutputItemAdded",
  "ResponseOutputItemDone",
  "ResponseContentPartAdded",
  "ResponseContentPartDone",
  "ResponseOutputTextDelta",
  "ResponseOutputTextDone",
  "ResponseOutputAudioTranscriptDelta",
  "ResponseOutputAudioTranscriptDone",
  "ResponseOutputAudioDone",
  "ResponseFunctionCallArgumentsDelta",
  "ResponseFunctionCallArgumentsDone",
  "ResponseMCPCallArgumentsDelta",
  "ResponseMCPCallArgumentsDone",
  "ResponseMCPCallInProgress",
  "ResponseMCPCallCompleted",
  "ResponseMCPCallFailed",
  "MCPListToolsInProgress",
  "MCPListToolsCompleted",
  "MCPListToolsFailed",
  "RateLimitsUpdated",
}) do
  events.realtime[name] = "Yandex.RealtimeAPI." .. name
end

host.lib.yandex_events = events
