"""What detectors find, on labelled series."""
