"""The realtime protocol without I/O: typed events, codec, client session."""
