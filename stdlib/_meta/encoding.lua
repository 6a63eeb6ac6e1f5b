---@meta
--- Ids and base64.

--- Returns a random UUID (version 4), from the session's seeded stream.
---@return string
function uuidgen() end

--- Returns base64 text of the bytes of a string.
---@param data string Any bytes.
---@return string
function base64_encode(data) end

--- Returns the bytes of base64 text; white space and missing padding are forgiven.
---@param text string Base64, of any length.
---@return string
function base64_decode(text) end
