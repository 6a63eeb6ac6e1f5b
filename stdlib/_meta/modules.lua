---@meta
--- Modules: those of the platform, of stdlib, and files beside the scenario.

--- Names for `require`.
---@enum Modules
Modules = {
  --- Defines the global `Yandex`.
  Yandex = "yandex",
}

--- Runs a module once and returns what it returns: a module of `Modules`, a file of stdlib (`text`), or a `.lua` file
--- in the scenario's folder (`"lib.menu"` is `lib/menu.lua`). Raises `module.not_found` and `module.cycle`.
---@param name Modules|string Of a module, without `.lua`.
---@return any
function require(name) end
