---@meta agent
--- What voice agents need, one call each. `local Agent = require("agent")`

---@class Agent
local Agent = {}

---@class agent.BargeInOptions
---@field cancel? boolean Cancel the provider's running response (default: true).
---@field truncate? boolean Tell the provider what was heard (default: true).
---@field on_interrupt? fun(heard: Yandex.Interrupted) Called after each interruption.

--- Lets the caller interrupt: at `InputAudioBufferSpeechStarted` the agent falls silent (`client:interrupt`).
---@param client Yandex.RealtimeAPIClient A connected client.
---@param options? agent.BargeInOptions What else to do (default: {}).
---@return fun() stop
function Agent.bargeIn(client, options) end

---@class agent.Function
---@field run fun(arguments: table, item: table): any What the model calls; it learns the result, or the error. May `await`.
---@field description? string For the model: when to call it.
---@field parameters? table JSON schema of the arguments.
---@field respond? boolean Whether the model speaks about the result (default: true).

---@class agent.Tools
---@field definitions table[] For `tools` of `sessionUpdate`.
---@field serve fun(client: Yandex.RealtimeAPIClient): fun() Answers the model's calls on a client; returns what stops it.

--- Makes functions that the model can call, by name. `web_search` and `file_search` stay with the provider.
---@param functions table<string, agent.Function|fun(arguments: table): any> Functions by name.
---@return agent.Tools
function Agent.tools(functions) end

---@class agent.HangupOptions
---@field quiet_ms? number Silence after the last word (default: 500).
---@field limit_ms? number Longest wait (default: 15000).

--- Hangs up once the agent has said all, and the caller has heard it.
---@param call Call The call to end.
---@param client Yandex.RealtimeAPIClient The client that speaks.
---@param options? agent.HangupOptions How long to wait (default: {}).
---@return fun() stop
function Agent.hangupAfterSpeech(call, client, options) end

---@class agent.Entry
---@field role "user"|"assistant" The caller, or the agent.
---@field text string All that was said.
---@field heard string Of the agent: what the caller heard of it, to about a word.
---@field heard_ms? integer Where the agent was interrupted, in ms of the item.
---@field item_id string Of the item that was said.

---@class agent.Transcript
---@field entries fun(): agent.Entry[] What was said until now, in the order of the conversation.
---@field text fun(): string The same as lines `caller: …` and `agent: …`, the agent's as they were heard.
---@field stop fun() Keeps nothing more.

--- Keeps what both sides say from now on.
---@param client Yandex.RealtimeAPIClient A connected client.
---@return agent.Transcript
function Agent.transcript(client) end

---@class agent.IdleOptions
---@field first_ms? number Silence of both sides before the first question (default: 8000).
---@field again_ms? number Silence after a question (default: `first_ms`).
---@field times? integer Questions before giving up (default: 1).
---@field instructions? string For the model's question.
---@field on_idle? fun(asked: integer) In place of the model's question.
---@field on_give_up? fun() Called when nobody answered.

--- Asks when nobody has said anything for a while, and gives up in the end. Speech of the caller begins it anew.
---@param client Yandex.RealtimeAPIClient A connected client.
---@param options? agent.IdleOptions How long, how often, and what then (default: {}).
---@return fun() stop
function Agent.idle(client, options) end

---@class agent.ReconnectOptions
---@field connect Yandex.RealtimeAPIClientParameters As for `Yandex.createRealtimeAPIClient`.
---@field ready fun(client: Yandex.RealtimeAPIClient, is_again: boolean) Sets up each client: listeners, media …
---@field failed? fun(err: Error) Called when a lost connection cannot be replaced (default: the error ends the session).
---@field tries? integer Number of attempts in a row (default: 3).
---@field first_ms? number Pause before the second attempt; it doubles (default: 250).

---@class agent.Link
---@field client fun(): Yandex.RealtimeAPIClient The present client.
---@field entries fun(): agent.Entry[] What was said on all connections.
---@field close fun() Closes for good.

--- Connects, and replaces a connection that is lost: the caller's words are replayed, the agent's given as context.
---@param options agent.ReconnectOptions What to connect to, and what to do with it.
---@return Promise<agent.Link> # rejected when there is no first connection
function Agent.reconnect(options) end

return Agent
