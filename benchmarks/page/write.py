"""The one page of figures, written from the tables in `results/`."""

from benchmarks.page import budgets, cost, detection, shapes
from benchmarks.protocol.results_file import RESULTS
from runtime.files import write_atomically

PAGE = RESULTS / "README.md"

HEAD = """
# Figures

Written by `python -m benchmarks page` from the tables in this folder; do not edit it. Each table
names the command that measures it; `--show` prints what is kept, with more columns, and measures
nothing. Why things are as they are, what was tried, and what was chosen with which labels in view:
[docs/benchmarks.md](../../docs/benchmarks.md).

Scores are those of the exported file, streamed through `runtime`. A figure of ours (**bold**) is
the mean over seeds, with the lowest and highest behind it. 1/week, 1/day: the threshold comes from
a false-alarm budget and training rows alone. Other half: chosen with labels, on one half of the
files, scored on the other, both ways, mean. In-sample: the labels chose it, as for published
figures. Measured until 2026-11-22 on two cores of a shared x86-64 machine, no GPU: compare ratios
within one table rather than seconds between machines.
"""


def write() -> str:
    """Writes the page and returns it."""
    parts = (
        HEAD,
        detection.nab(),
        shapes.ucr(),
        detection.faults(),
        detection.skab(),
        detection.metrics(),
        budgets.budgets(),
        shapes.severity(),
        detection.restarts(),
        detection.discords(),
        detection.paper(),
        cost.samples(),
        cost.single_step(),
        cost.training(),
        cost.cells(),
        cost.channels(),
        cost.rest(),
    )
    page = "\n\n".join(part.strip() for part in parts) + "\n"
    write_atomically(PAGE, page)
    return page
