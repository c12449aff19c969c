"use strict";
// Times, durations and counts as kad/report/words.py writes them.
const Words = (() => {
  const STEPS = [[86400, "day", "d"], [3600, "hour", "h"], [60, "minute", "min"], [1, "second", "s"]];
  const CUT = { m: 16, s: 19, ms: 23 };

  function time(x, axis) {
    // A double has no room for the nanoseconds of today's dates: 250 ms may be 249.9998.
    if (axis.calendar) return new Date(x + 1e-3).toISOString().slice(0, CUT[axis.fine]).replace("T", " ");
    return `${Number(x.toPrecision(7))} ${axis.unit}s`;
  }

  function duration(seconds) {
    if (seconds < 60) return `${Number(seconds.toPrecision(3))} s`;
    const i = STEPS.findIndex(([size]) => seconds >= size);
    const [size, word, short] = STEPS[i];
    const whole = Math.floor(seconds / size);
    const part = Math.floor((seconds - whole * size) / STEPS[i + 1][0]);
    const unit = word !== "day" ? short : whole === 1 ? "day" : "days";
    return `${whole.toLocaleString("en")} ${unit}${part ? ` ${part} ${STEPS[i + 1][2]}` : ""}`;
  }

  function count(number, noun) {
    return number ? `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}` : `no ${noun}s`;
  }

  // A rate as people say it: `3 a day`, `1 in 5 weeks`.
  function rate(perWeek) {
    if (!(perWeek > 0)) return "none";
    const spans = [["hour", 1 / 168], ["day", 1 / 7], ["week", 1], ["year", 365 / 7]];
    const [word, weeks] = spans.find(([, weeks]) => perWeek * weeks >= 0.95) || spans[3];
    const often = perWeek * weeks;
    if (often >= 0.95) return `${number(often)} ${word === "hour" ? "an" : "a"} ${word}`;
    return often > 0.01 ? `1 in ${number(1 / often)} years` : "under 1 in 100 years";
  }

  function number(value) {
    if (Number.isNaN(value)) return "–";
    if (Math.abs(value - 1) < 0.05) return "1";
    if (value >= 1e9) return "more than a billion";
    if (value >= 100) return Number(value.toPrecision(3)).toLocaleString("en");
    return String(Number(value.toPrecision(2)));
  }

  const percent = (value) => (Number.isNaN(value) ? "–" : `${value && Number((100 * value).toPrecision(2))} %`);

  const share = (value) => (Number.isNaN(value) ? "–" : value.toFixed(2));

  return { time, duration, count, rate, number, percent, share };
})();
