"""A synthetic pump of five channels, with faults."""

from kad.pump.series.series import FAULT_KINDS, NOMINAL, UNITS, Fault, PumpData, pump

__all__ = ["FAULT_KINDS", "NOMINAL", "UNITS", "Fault", "PumpData", "pump"]
