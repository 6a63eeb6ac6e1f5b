"""The media graph: frames from sources to sinks, playout, recording. Pure."""
