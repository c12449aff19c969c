"""Layers and networks that detectors are made of."""
