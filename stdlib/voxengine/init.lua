--- The files of the scenario API, in the order in which they load.
---
--- Each is a chunk that gets `host`, the kernel's interface (`sandbox.lua`), adds what others share to `host.lib`,
--- and puts what scenarios see into `host.env`.
return {
  "names",
  "check",
  "api",
  "json_marks",
  "json_decode",
  "json_encode",
  "json",
  "log",
  "encoding",
  "promise",
  "session",
  "reload",
  "timers",
  "listeners",
  "media",
  "call",
  "app",
  "shape",
  "yandex_events",
  "held_events",
  "yandex",
  "globals",
}
