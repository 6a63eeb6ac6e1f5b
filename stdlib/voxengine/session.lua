--- How far the session's life has come.
local host = ...

local session = { is_ending = false }

--- Raises once the session is ending: nothing that starts then could be carried out.
---@param func string
function session.refuse_when_ending(func)
  if session.is_ending then
    host.raise("session.ended", func .. ": the session is ending; only Logger.write works now")
  end
end

host.lib.session = session
