"""A scripted caller or callee: it listens for when the agent speaks, and says, plays and presses."""
