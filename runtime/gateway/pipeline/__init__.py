"""Source → journal → engine → sinks: three threads and three bounded queues."""
