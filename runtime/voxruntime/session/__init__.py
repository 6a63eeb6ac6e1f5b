"""One session: the wiring of its scenario, calls, media, realtime clients and timers."""
