"""The server side of one realtime session, without I/O: conversation, responses, turns, function calls, errors."""
