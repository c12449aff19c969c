"""Labels, and how many rows they are of."""

ROWS = 1000


LABELS = [(0, 20), (300, 340), (360, 361), (700, 790), (990, 1000)]
