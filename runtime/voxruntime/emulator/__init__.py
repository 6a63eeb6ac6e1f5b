"""The embedded realtime server: a pure brain behind a thin WebSocket shell."""
