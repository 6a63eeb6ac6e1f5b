"""The live line of a run on a terminal, and the keys of who sits before it."""
