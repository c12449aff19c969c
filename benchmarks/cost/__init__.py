"""What detectors cost: time, memory, room on a disk."""
