"""What all detectors share."""
