"use strict";
// Times, durations and numbers as people read them.

const MINUTE = 60_000, HOUR = 60 * MINUTE, DAY = 24 * HOUR;
const GROUPS = {
  standing: "Standing for more than a day", open: "Open events", silent: "Silent",
  sensor: "Sensor faults", muted: "Muted", warming: "Warming up", stopped: "Machine off", quiet: "Quiet",
};
const KINDS = {
  anomaly: "Anomaly", limit: "Beyond a limit", sensor: "Sensor fault", silent: "Silent",
  flood: "Flood of events", swap: "Model change", hole: "Missing rows",
};
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const seconds = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short" });
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

function duration(ms) {
  if (!(ms >= 0)) return "";
  if (ms < MINUTE) return `${Math.floor(ms / 1000)} s`;
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min`;
  if (ms < DAY) {
    const minutes = String(Math.floor((ms % HOUR) / MINUTE)).padStart(2, "0");
    return `${Math.floor(ms / HOUR)} h ${minutes} min`;
  }
  if (ms < 100 * DAY) return `${Math.floor(ms / DAY)} d ${Math.floor((ms % DAY) / HOUR)} h`;
  return `${whole.format(ms / DAY)} d`;
}

function moment(ms, now) {
  const time = clock.format(ms);
  return new Date(ms).toDateString() === new Date(now).toDateString() ? time : `${day.format(ms)}, ${time}`;
}

function until(ms, now) { return ms < 0 ? "without end" : `until ${moment(ms, now)}`; }

function figure(value, digits = 1) { return value == null ? "–" : value.toFixed(digits); }

function measured(value) {
  if (value == null) return "–";
  const size = Math.abs(value);
  return size !== 0 && (size >= 1e6 || size < 1e-3) ? value.toExponential(2) : String(Number(value.toPrecision(4)));
}

function count(value) {
  if (value < 100_000) return whole.format(value);
  return value < 1e6 ? `${whole.format(value / 1e3)}k` : `${(value / 1e6).toPrecision(3)}M`;
}

function seen(ack) {
  return `Seen by ${ack.by}, ${moment(ack.t, page.now)}${ack.note ? `: ${ack.note}` : ""}`;
}

function sentence(event) {
  if (event.text) return event.text;
  const blamed = event.channels.slice(0, 2).map((c) =>
    c.expected == null ? c.name : `${c.name} ${measured(c.value)}, expected ${measured(c.expected)}`);
  return [KINDS[event.kind] ?? event.kind, ...blamed].join(": ").replace(/: (?=[^:]*$)/, blamed.length > 1 ? "; " : ": ");
}
