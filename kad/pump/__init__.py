"""A synthetic pump of five channels, with faults."""

from kad.pump.faults import FAULT_KINDS, USUAL_KINDS, Fault
from kad.pump.machine import NOMINAL, UNITS
from kad.pump.series import PumpData, pump

__all__ = ["FAULT_KINDS", "NOMINAL", "UNITS", "USUAL_KINDS", "Fault", "PumpData", "pump"]
