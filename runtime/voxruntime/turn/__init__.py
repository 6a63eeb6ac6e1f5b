"""Messages between the engine and a scenario process; the only module both sides import."""
