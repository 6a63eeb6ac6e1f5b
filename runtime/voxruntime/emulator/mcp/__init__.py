"""MCP servers that sessions name: the process that talks to them, and its end in the engine."""
