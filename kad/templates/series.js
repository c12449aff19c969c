"use strict";
// The chart of the series: events at the current threshold, and all samples of what is in view.
const Series = (() => {
  const PARTS = 700; // stretches of a long view, each drawn by its extreme samples
  const FEWEST = 48; // samples that an event is shown with on either side
  const BAND = { color: "#d55e00", opacity: 0.16 };

  // data: see kad/report_payload.py; x: the coordinate of every row.
  function create(element, figure, data, x, config) {
    const whole = figure.layout.xaxis.range.map(Number);
    const half = data.period_x / 2;
    const overview = figure.data;
    let traces = overview.slice();
    let events = [];
    let threshold = { severity: data.threshold, score: 0 };
    let panels = null;
    let drawn = whole.slice();

    const span = (event) => [x[event.start] - half, x[event.end] + half];
    const view = () => (element.layout || figure.layout).xaxis.range.map(toNumber);

    // Bands of the events in view; those that would touch on the screen are one.
    function bands() {
      const [low, high] = view();
      const pixel = (high - low) / Math.max(element.clientWidth, 300);
      const merged = [];
      for (const event of events) {
        const [from, to] = span(event);
        if (to < low || from > high) continue;
        const last = merged[merged.length - 1];
        if (last && from <= last[1] + pixel) last[1] = Math.max(last[1], to);
        else merged.push([from, to]);
      }
      return merged.map(([x0, x1]) => ({
        type: "rect", xref: "x", yref: "paper", x0, x1, y0: 0, y1: 1, layer: "below",
        fillcolor: BAND.color, opacity: BAND.opacity, line: { width: 1, color: BAND.color },
      }));
    }

    function layout() {
      const shapes = figure.layout.shapes.map((shape) => ({ ...shape }));
      const annotations = figure.layout.annotations.map((note) => ({ ...note }));
      for (const [name, level] of Object.entries(threshold)) {
        shapes[data.lines[name]].y0 = shapes[data.lines[name]].y1 = level;
        const title = annotations[data.titles[name]];
        title.text = title.text.replace(/alarm from [^<]+/, `alarm from ${Number(level.toPrecision(3))}`);
      }
      const xaxis = { ...figure.layout.xaxis, range: view(), autorange: false };
      return { ...figure.layout, shapes: [...shapes, ...bands()], annotations, xaxis };
    }

    function lane(shown) {
      const ends = shown.map(span);
      const y = overview.filter((trace) => trace.type === "bar").length - 1;
      return {
        ...overview[data.lane],
        base: ends.map(([from]) => from),
        x: ends.map(([from, to]) => to - from),
        y: ends.map(() => y),
        customdata: shown.map((event) => event.number),
      };
    }

    function redraw() {
      return Plotly.react(element, traces, layout(), config);
    }

    // found: all events in order; shown: those that get a bar in the lane.
    function show(found, shown, levels) {
      events = found;
      threshold = levels;
      traces[data.lane] = lane(shown);
      return redraw();
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
        traces = overview.map((trace, i) => (i === data.lane ? traces[i] : trace));
      } else {
        if (!panels) panels = unpackPanels();
        const unpacked = await panels;
        if (view().some((end, i) => end !== range[i])) return; // it has moved on; another call follows
        const [from, to] = rowsInView(range);
        unpacked.forEach((panel) => detail(panel, from, to));
      }
      await redraw();
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

    return { show, listen, zoom: (event) => zoom(event ? around(event) : whole), isWhole, view };
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

  // Plotly writes the ends of a dragged range as dates.
  function toNumber(end) {
    if (typeof end === "number") return end;
    const number = Number(end);
    return Number.isNaN(number) ? Date.parse(`${end.replace(" ", "T")}Z`) : number;
  }

  return { create };
})();
