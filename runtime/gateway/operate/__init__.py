"""What runs the process: metrics, probes, the page, systemd, logs, clocks, the watchdog."""
