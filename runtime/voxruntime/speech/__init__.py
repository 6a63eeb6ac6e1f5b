"""Voice detection, recognition and synthesis: the interfaces, and the process that runs the engines."""
