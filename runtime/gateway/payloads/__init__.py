"""Bytes to readings: topics, shapes, times, numbers, and channels that come one by one."""
