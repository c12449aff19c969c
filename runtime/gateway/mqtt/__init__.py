"""MQTT: packets, two clients behind one protocol, topics."""
