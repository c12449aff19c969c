"""All metrics of the gateway, in one place."""

from runtime.gateway.operate.metrics import Counter, Family, Gauge, Histogram, Registry

__all__ = ["Families"]

_FSYNC_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_SNAPSHOT_S = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
_MOST_STREAMS = 20_000


class Families:
    """The metrics, by what they count. Those without labels are series, the others families.

    Args:
        registry: Where they are entered.
        per_stream: Also a series for each stream. 10,000 streams are 10,000 series in Prometheus.
    """

    def __init__(self, registry: Registry, *, per_stream: bool = False) -> None:
        add = registry
        self.messages: Family[Counter] = add.counter(
            "kad_messages_total",
            "Messages that came, by source and what became of them: good, bad or ignored.",
            ("source", "result"),
        )
        self.bad_messages: Family[Counter] = add.counter(
            "kad_bad_messages_total", "Messages or parts that could not be read.", ("kind",)
        )
        self.dropped: Family[Counter] = add.counter(
            "kad_dropped_total", "What was dropped, by where: all of it is lost.", ("where",)
        )
        self.samples: Family[Counter] = add.counter(
            "kad_samples_total", "Rows that were scored, by model.", ("model",)
        )
        self.repeats: Counter = add.counter(
            "kad_repeats_total", "Outputs that were made again after a start, marked so."
        ).of()
        self.late: Counter = add.counter(
            "kad_late_total", "Rows and parts that came after their place was scored."
        ).of()
        self.duplicates: Counter = add.counter(
            "kad_duplicates_total", "Rows whose stream and time had come before."
        ).of()
        self.replayed: Counter = add.counter(
            "kad_replayed_total", "Rows that were read again from the journal at a start."
        ).of()
        self.holes: Counter = add.counter(
            "kad_holes_total", "Gaps in the times of a stream: rows that never came."
        ).of()
        self.queue: Family[Gauge] = add.gauge(
            "kad_queue_messages", "What waits in each queue.", ("queue",)
        )
        self.lag: Gauge = add.gauge(
            "kad_lag_seconds", "Now less the time of the newest row that was scored."
        ).of()
        self.fsync: Histogram = add.histogram(
            "kad_fsync_seconds", "Time of a commit of the journal.", edges=_FSYNC_S
        ).of()
        self.score: Family[Histogram] = add.histogram(
            "kad_score_seconds", "Time of a call that scored rows, by model.", ("model",)
        )
        self.batch_rows: Family[Histogram] = add.histogram(
            "kad_score_rows",
            "Rows of a call that scored them, by model.",
            ("model",),
            edges=(1, 3, 10, 30, 100, 300, 1000, 3000, 10_000),
        )
        self.journal_bytes: Gauge = add.gauge(
            "kad_journal_bytes", "Size of the journal on disk."
        ).of()
        self.snapshot: Histogram = add.histogram(
            "kad_snapshot_seconds",
            "Time that a snapshot took, from its first part until it was on the disk.",
            edges=_SNAPSHOT_S,
        ).of()
        self.snapshot_part: Histogram = add.histogram(
            "kad_snapshot_part_seconds",
            "Time that scoring waited for parts of a snapshot, each time.",
            edges=_FSYNC_S,
        ).of()
        self.outbox_bytes: Gauge = add.gauge(
            "kad_outbox_bytes", "Size of the outputs that wait on disk for a sink."
        ).of()
        self.sink_waiting: Family[Gauge] = add.gauge(
            "kad_sink_waiting", "Publications of a sink that are not acknowledged.", ("sink",)
        )
        self.published: Family[Counter] = add.counter(
            "kad_published_total", "Publications that a sink handed over.", ("sink",)
        )
        self.connected: Family[Gauge] = add.gauge(
            "kad_connected", "1 where a source or sink is connected, 0 where not.", ("peer",)
        )
        self.sessions_lost: Family[Counter] = add.counter(
            "kad_sessions_lost_total",
            "Sessions that the broker of a source had forgotten, with what it had kept.",
            ("source",),
        )
        self.connects: Family[Counter] = add.counter(
            "kad_connects_total", "Connections that a source or sink has made.", ("peer",)
        )
        self.streams: Family[Gauge] = add.gauge(
            "kad_streams", "Streams, by state: scored, warming, silent, stopped, muted.", ("state",)
        )
        self.model_info: Family[Gauge] = add.gauge(
            "kad_model_info", "1 for the model in use, by the hash of its file.", ("model",)
        )
        self.events: Family[Counter] = add.counter(
            "kad_events_total", "Events that began, by model and kind.", ("model", "kind")
        )
        self.events_open: Family[Gauge] = add.gauge(
            "kad_events_open", "Events that go on, by kind.", ("kind",)
        )
        self.events_budget: Family[Gauge] = add.gauge(
            "kad_events_budget",
            "False events a week that the thresholds promise, of all streams of a model.",
            ("model",),
        )
        self.events_time_budget: Family[Gauge] = add.gauge(
            "kad_events_time_budget",
            "Share of normal time in events that the thresholds promise.",
            ("model",),
        )
        self.mutes: Gauge = add.gauge("kad_mutes", "Mutes that are in force.").of()
        self.clock_set: Gauge = add.gauge(
            "kad_clock_set", "1 where the wall clock can be believed, 0 where it was not set."
        ).of()
        self.clock_steps: Counter = add.counter(
            "kad_clock_steps_total", "Steps of the wall clock of more than two seconds."
        ).of()
        self.reloads: Family[Counter] = add.counter(
            "kad_reloads_total", "Reloads of the configuration: taken or refused.", ("result",)
        )
        self.swaps: Family[Counter] = add.counter(
            "kad_swaps_total", "Changes of a model: taken or rolled_back.", ("result",)
        )
        self.standing: Family[Gauge] = add.gauge(
            "kad_worker_idle_seconds", "Time since a worker last made progress.", ("worker",)
        )
        self.log_suppressed: Counter = add.counter(
            "kad_log_suppressed_total", "Lines of the log that were held back as too many."
        ).of()
        self.http_requests: Family[Counter] = add.counter(
            "kad_http_requests_total", "Requests of this server, by status.", ("status",)
        )
        self.started: Gauge = add.gauge(
            "kad_start_time_seconds", "When the process started, in seconds since 1970 UTC."
        ).of()
        self.stream_severity: Family[Gauge] | None = None
        """By stream; None where nobody asked for series of streams."""
        if per_stream:
            self.stream_severity = add.gauge(
                "kad_stream_severity",
                "Newest severity of a stream.",
                ("stream",),
                most=_MOST_STREAMS,
            )
