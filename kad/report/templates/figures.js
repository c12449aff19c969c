"use strict";
// Figures of a threshold: those of kad/metrics/events.py and kad/metrics/points.py.
// Ranges are half-open, in order, apart. tests/kad/report/test_scripts.py compares both.
const Figures = (() => {
  const WEEK_S = 604800;
  const DAY_S = 86400;

  // Where a row lies once the skipped range is taken out.
  function outside(skipped) {
    if (!skipped) return (row) => row;
    const [from, to] = skipped;
    return (row) => (row < from ? row : row < to ? from : row - (to - from));
  }

  function keep(ranges, skipped) {
    const place = outside(skipped);
    return ranges.map(([from, to]) => [place(from), place(to)]).filter(([from, to]) => from < to);
  }

  // The first of some ranges that ends behind a row.
  function firstBehind(ranges, row) {
    let low = 0;
    let high = ranges.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (ranges[middle][1] > row) high = middle;
      else low = middle + 1;
    }
    return ranges[low];
  }

  function meets(ranges, [from, to]) {
    const next = firstBehind(ranges, from);
    return next !== undefined && next[0] < to;
  }

  const total = (ranges) => ranges.reduce((sum, [from, to]) => sum + to - from, 0);

  // Rows that lie in ranges of both kinds.
  function shared(ranges, others) {
    let sum = 0;
    let at = 0;
    for (const [from, to] of ranges) {
      while (at < others.length && others[at][1] <= from) at += 1;
      for (let i = at; i < others.length && others[i][0] < to; i += 1) {
        sum += Math.min(to, others[i][1]) - Math.max(from, others[i][0]);
      }
    }
    return sum;
  }

  // series: rows, period_s, skipped (a range of rows that do not count, or null), labels or null.
  function ofEvents(events, series) {
    const ranges = keep(events.map(({ start, end }) => [start, end + 1]), series.skipped);
    const rows = outside(series.skipped)(series.rows);
    const labels = keep(series.labels || [], series.skipped);
    const labelled = total(labels);
    const figures = {
      events: ranges.length,
      perWeek: (ranges.length * WEEK_S) / (rows * series.period_s),
      normalInEvents: rows > labelled ? (total(ranges) - shared(ranges, labels)) / (rows - labelled) : NaN,
    };
    if (!series.labels) return figures;
    const delays = labels
      .filter((label) => meets(ranges, label))
      .map((label) => Math.max(firstBehind(ranges, label[0])[0] - label[0], 0));
    const days = ((rows - labelled) * series.period_s) / DAY_S;
    const falseAlarms = ranges.filter((range) => !meets(labels, range)).length;
    return {
      ...figures,
      labels: labels.length,
      found: delays.length,
      recall: labels.length ? delays.length / labels.length : NaN,
      delay_s: delays.length ? (delays.reduce((sum, d) => sum + d, 0) / delays.length) * series.period_s : NaN,
      falseAlarms,
      falseAlarmsPerDay: days ? falseAlarms / days : NaN,
    };
  }

  // Rows at or above the threshold against labelled rows.
  function ofRows(steps, threshold, series) {
    const opening = Math.fround(threshold);
    const place = outside(series.skipped);
    const labels = keep(series.labels, series.skipped);
    let detected = 0;
    let hits = 0;
    for (let i = 0; i < steps.severity.length; i += 1) {
      if (steps.severity[i] < opening) continue;
      const row = steps.row[i];
      if (place(row + 1) === place(row)) continue;
      detected += 1;
      if (meets(labels, [place(row), place(row) + 1])) hits += 1;
    }
    const real = total(labels);
    const precision = detected ? hits / detected : NaN;
    const recall = real ? hits / real : NaN;
    const both = precision + recall;
    const f1 = Number.isNaN(recall) ? NaN : both > 0 ? (2 * precision * recall) / both : 0;
    return { precision, recallOfRows: recall, f1 };
  }

  return { meets, ofEvents, ofRows };
})();
