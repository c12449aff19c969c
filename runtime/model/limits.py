"""How large anything in a detector file may be: generous for detectors, too small for bombs."""

from typing import Final

MiB: Final = 2**20

FILE_BYTES: Final = 1024 * MiB
"""A detector file."""
ENTRIES: Final = 1_000
"""Entries of `metadata_props`."""
METADATA_BYTES: Final = 4 * MiB
"""The JSON of `kad`; 10,000 calibration rows take 0.1."""
METADATA_DEPTH: Final = 16
"""Objects and lists inside each other in that JSON; kad writes 4."""
GRAPH_DEPTH: Final = 64
"""Messages inside each other in the file; a graph in a node is three."""
NAME_CHARS: Final = 1_024
"""Names of the detector and of columns, units, the budget."""
INPUTS: Final = 16_384
"""Columns of `x`."""
PERIOD_S: Final = (1e-6, 1e8)
"""Seconds from sample to sample: from a megahertz to three years."""
STEPS: Final = 10_000_000
"""`warmup_steps`, `max_gap_steps`, `reorder`."""
CHUNK_STEPS: Final = 1_000_000
"""`max_steps`."""
EVENTS_PER_WEEK: Final = 1e15
"""What is expected of a threshold."""
POLICY_STEPS: Final = 10**12
"""Times of the alarm policy."""
STATE_SIZE: Final = 2**26
"""Numbers of one stream's state, 256 MiB; a memory of 38 channels has one million."""
STATE_PARTS: Final = 4_096
"""Parts of the state."""
THRESHOLD: Final = (1e-6, 1e6)
"""A threshold on severity."""
CALIBRATION_ROWS: Final = 100_000
"""Rows in `calibration.severest`; kad keeps 10,000."""
GOLDEN_STEPS: Final = 16_384
"""Steps of the golden vectors; kad writes 64."""
ARRAYS_BYTES: Final = 512 * MiB
"""Arrays of the golden vectors or of the warm state, unpacked."""
STREAMS: Final = 2**20
"""Streams of a call, where their number is fixed."""
THREADS: Final = 1_024
"""Threads of one call."""
