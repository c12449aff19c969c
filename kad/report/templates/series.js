"use strict";
// The chart of the series: events at the current threshold, and all samples of what is in view.
const Series = (() => {
  const PARTS = 700; // parts of a long view, each drawn by its extreme samples
  const FEWEST = 48; // samples that an event is shown with on either side
  const COLOR = "#d55e00";
  const REACH = 5; // pixels beside an event that still choose it

  // data: see kad/report/payload.py; x: the coordinate of every row.
  function create(element, figure, data, x, config) {
    const whole = figure.layout.xaxis.range.map(Number);
    const lines = figure.layout.shapes; // plotly writes into the layout
    const half = data.period_x / 2;
    const overview = figure.data;
    let traces = overview;
    let events = [];
    let threshold = { severity: data.threshold, score: 0 };
    let panels = null;
    let drawn = whole.slice();

    const span = (event) => [x[event.start] - half, x[event.end] + half];
    const view = () => (element.layout || figure.layout).xaxis.range.map(toNumber);

    // Stretches of the events in view; those that would touch on the screen are one.
    function stretches() {
      const [low, high] = view();
      const pixel = (high - low) / Math.max(element.clientWidth, 300);
      const merged = [];
      for (const event of events) {
        const [from, to] = span(event);
        if (to < low || from > high) continue;
        const last = merged[merged.length - 1];
        if (last && from <= last[1] + pixel) last[1] = Math.max(last[1], to);
        else merged.push([Math.max(from, low - pixel), Math.min(to, high + pixel)]);
      }
      return merged;
    }

    // One shape for all of them is drawn ten times faster than one each.
    function band(ends, bottom, top, look) {
      const at = figure.layout.xaxis.type === "date" ? toDate : String;
      const path = ends.map(([from, to]) => {
        const [left, right] = [at(from), at(to)];
        return `M${left},${bottom}L${right},${bottom}L${right},${top}L${left},${top}Z`;
      });
      return { type: "path", xref: "x", layer: "below", fillcolor: COLOR, path: path.join(""), ...look };
    }

    // What moves with the threshold.
    function shapes() {
      const moved = lines.map((shape) => ({ ...shape }));
      for (const [name, level] of Object.entries(threshold)) {
        const line = moved[data.lines[name]];
        const text = `alarm from ${Number(level.toPrecision(3))}`;
        Object.assign(line, { y0: level, y1: level, label: { ...line.label, text } });
      }
      const ends = stretches();
      if (!ends.length) return moved;
      return [
        ...moved,
        band(ends, 0, 1, { yref: "paper", opacity: 0.16, line: { width: 1, color: COLOR } }),
        band(ends, data.lane - 0.32, data.lane + 0.32, { yref: "y", layer: "above", line: { width: 2, color: COLOR } }),
      ];
    }

    // found: all events in order; levels: the threshold per panel.
    function show(found, levels) {
      events = found;
      threshold = levels;
      // All shapes at once: for a part of one, plotly draws the whole chart anew.
      return Plotly.relayout(element, { shapes: shapes() });
    }

    // The event at a place on the screen, if it is in their lane.
    function eventAt({ clientX, clientY }) {
      const { xaxis, yaxis } = element._fullLayout;
      const box = element.getBoundingClientRect();
      const height = clientY - box.top - yaxis._offset;
      if (Math.abs(yaxis.p2l(height) - data.lane) > 0.5) return undefined;
      const at = clientX - box.left - xaxis._offset;
      return events.find((event) => {
        const [from, to] = span(event).map((end) => xaxis.l2p(end));
        return from - REACH <= at && at <= to + REACH;
      });
    }

    async function unpackPanels() {
      return Promise.all(data.panels.map(async ({ rows, lines, traces: targets }) => ({
        rows: rows && (await Arrays.unpack(rows)),
        lines: await Promise.all(lines.map(Arrays.unpack)),
        targets,
      })));
    }

    // Rows of what is in view, with one more on either side.
    function rowsInView([low, high]) {
      let from = -1;
      let to = -1;
      for (let row = 0; row < x.length; row += 1) {
        if (x[row] < low || x[row] > high) continue;
        if (from < 0) from = row;
        to = row;
      }
      return from < 0 ? [0, 0] : [Math.max(from - 1, 0), Math.min(to + 2, x.length)];
    }

    // Draws the samples in view; the line is cut where the stream restarted.
    function detail(panel, from, to) {
      let places = [from, to];
      if (panel.rows) places = places.map((row) => behind(panel.rows, row));
      const chosen = Arrays.thin(panel.lines, places[0], places[1], PARTS);
      const rows = panel.rows ? chosen.map((place) => panel.rows[place]) : chosen;
      const xs = [];
      const ys = panel.targets.map(() => []);
      let cut = behind(data.restarts, rows.length ? rows[0] : 0);
      if (cut < data.restarts.length && data.restarts[cut] === rows[0]) cut += 1;
      rows.forEach((row, i) => {
        while (cut < data.restarts.length && data.restarts[cut] <= row) {
          xs.push(x[data.restarts[cut] - 1] + half);
          ys.forEach((y) => y.push(NaN));
          cut += 1;
        }
        xs.push(x[row]);
        panel.targets.forEach(({ line, shift }, k) => ys[k].push(panel.lines[line][chosen[i]] + shift));
      });
      panel.targets.forEach(({ index }, k) => {
        traces[index] = { ...overview[index], x: Float64Array.from(xs), y: Float64Array.from(ys[k]) };
      });
    }

    // Brings the lines up to the view.
    async function refresh() {
      const range = view();
      if (range.every((end, i) => end === drawn[i])) return;
      drawn = range;
      if (range[0] <= whole[0] && range[1] >= whole[1]) {
        traces = overview;
      } else {
        if (!panels) panels = unpackPanels();
        const unpacked = await panels;
        if (view().some((end, i) => end !== range[i])) return; // it has moved on; another call follows
        const [from, to] = rowsInView(range);
        traces = overview.slice();
        unpacked.forEach((panel) => detail(panel, from, to));
      }
      const xaxis = { ...figure.layout.xaxis, range, autorange: false };
      await Plotly.react(element, traces, { ...figure.layout, shapes: shapes(), xaxis }, config);
      element.dataset.view = range.join(" ");
    }

    async function zoom(range) {
      await Plotly.relayout(element, { "xaxis.range": range.slice() });
    }

    function around(event) {
      const [from, to] = span(event);
      const room = Math.max(to - from, FEWEST * data.period_x);
      return [Math.max(from - room, whole[0]), Math.min(to + room, whole[1])];
    }

    const isWhole = () => view().every((end, i) => (i ? end >= whole[1] : end <= whole[0]));
    const listen = () => element.on("plotly_relayout", refresh);

    return { show, listen, eventAt, isWhole, zoom: (event) => zoom(event ? around(event) : whole) };
  }

  // Number of the first of some rising rows that is not before a row.
  function behind(rows, row) {
    let low = 0;
    let high = rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (rows[middle] >= row) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  // As the paths of plotly's shapes have dates.
  const toDate = (x) => new Date(x).toISOString().slice(0, -1).replace("T", "_");

  // Plotly writes the ends of a dragged range as dates.
  function toNumber(end) {
    if (typeof end === "number") return end;
    const number = Number(end);
    return Number.isNaN(number) ? Date.parse(`${end.replace(" ", "T")}Z`) : number;
  }

  return { create };
})();
