"use strict";
(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const charts = read("report-charts");
  const data = read("report-data");
  const config = { responsive: true, displayModeBar: false, doubleClick: false, showTips: false };
  const printed = { scores: 510, thresholds: 510 };
  const REST_MS = 120;
  const byId = (id) => document.getElementById(id);
  const chart = (name) => byId(`chart-${name}`);

  function element(name, properties = {}, ...children) {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  }

  // Linear between points, the nearest end beyond them.
  function interpolate(xs, ys, x) {
    let i = xs.findIndex((known) => known >= x);
    if (i < 0) i = xs.length - 1;
    if (i === 0 || xs[i] <= x || xs[i] === xs[i - 1]) return ys[i];
    return ys[i - 1] + ((ys[i] - ys[i - 1]) * (x - xs[i - 1])) / (xs[i] - xs[i - 1]);
  }

  // What stays: unpacked once.
  async function unpackSeries() {
    const names = Object.keys(data.steps);
    const arrays = await Promise.all(names.map((name) => Arrays.unpack(data.steps[name])));
    const x = await Arrays.unpack(data.steps_x);
    x[0] = data.first_x;
    for (let row = 1; row < x.length; row += 1) x[row] += x[row - 1];
    return { x, steps: Object.fromEntries(names.map((name, i) => [name, arrays[i]])) };
  }

  function page({ x, steps }) {
    const series = Series.create(chart("series"), charts.series, data, x, config);
    const slider = byId("slider");
    const level = byId("level");
    const truth = data.labels;
    const counted = { rows: data.rows, period_s: data.period_s, skipped: data.skipped, labels: truth && truth.ranges };
    const ranges = Object.fromEntries(["scores", "thresholds"].filter((name) => charts[name])
      .map((name) => [name, charts[name].layout.xaxis.range.slice()]));
    const trained = judge(data.threshold);
    let now = trained;
    let chosen = null;
    let waiting = false;
    let resting = null;

    function judge(threshold) {
      const events = Episodes.find(steps, data.policy, threshold, data.channels.length);
      events.forEach((event, i) => Object.assign(event, { number: i + 1 }));
      const figures = Figures.ofEvents(events, counted);
      if (truth) Object.assign(figures, Figures.ofRows(steps, threshold, counted));
      return { threshold, events, figures };
    }

    const scoreAt = (severity) => interpolate(data.scores.severity, data.scores.score, severity);
    const severityAt = (score) => interpolate(data.scores.score, data.scores.severity, score);
    // Of what is to be expected on normal data, see kad/report/levels.py.
    const expectedAt = (name, severity) => Math.exp(interpolate(data.rates.threshold, data.rates[name].map(Math.log), severity));
    const time = (row) => Words.time(x[row], data.axis);
    const inTraining = (event) => data.training !== null && Figures.meets([data.training], [event.start, event.end + 1]);
    const isLabelled = (event) => Figures.meets(truth.ranges, [event.start, event.end + 1]);

    function mostSevere(events) {
      if (events.length <= data.most) return events;
      const least = events.map((event) => event.severity).sort((a, b) => b - a)[data.most - 1];
      return events.filter((event) => event.severity >= least).slice(0, data.most);
    }

    // Words and figures

    function headline() {
      const { span, recent } = data.words;
      const head = Words.count(now.events.length, "event");
      const start = `${head[0].toUpperCase()}${head.slice(1)} in ${span}`;
      if (!recent || !now.events.length) return start;
      const late = now.events.filter((event) => event.end >= recent.row).length;
      return `${start}; ${late || "none"} in the last ${recent.word}`;
    }

    // Within which 4 of 5 cases should lie, where that is known.
    function between(name, threshold, words) {
      if (!data.rates.is_known) return "";
      const [low, high] = ["low", "high"].map((end) => words(expectedAt(`${name}_${end}`, threshold)));
      return `, ${low} to ${high} in 4 of 5 cases`;
    }

    function usualShare(threshold) {
      if (!data.rates.is_known) return "so far";
      const usual = Words.percent(expectedAt("share", threshold));
      return `so far; ${usual} to be expected${between("share", threshold, Words.percent)}`;
    }

    function cards({ threshold, events, figures }) {
      const plain = [
        ["Events", events.length.toLocaleString("en"), `in ${data.words.span}`],
        ["Events a week", Words.number(figures.perWeek), "so far"],
        ["On normal data", Words.rate(expectedAt("per_week", threshold)), `to be expected${between("per_week", threshold, Words.rate)}`],
        ["Normal time in events", Words.percent(figures.normalInEvents), usualShare(threshold)],
      ];
      if (!truth) return plain;
      const rows = `precision ${Words.share(figures.precision)}, recall ${Words.share(figures.recallOfRows)}`;
      const delay = Number.isNaN(figures.delay_s) ? "–" : Words.duration(figures.delay_s);
      return [
        ...plain,
        ["Labels found", `${figures.found} of ${figures.labels}`, `recall ${Words.share(figures.recall)}`],
        ["False alarms", `${Words.number(figures.falseAlarmsPerDay)} a day`, `${figures.falseAlarms} outside labels`],
        ["Mean delay", delay, "after a label begins"],
        ["Rows", `F1 ${Words.share(figures.f1)}`, rows],
      ];
    }

    function drawCards() {
      const before = cards(trained);
      byId("figures").replaceChildren(...cards(now).map(([name, value, note], i) => {
        const moved = value !== before[i][1];
        return element("li", { className: moved ? "moved" : "" },
          element("span", { className: "name", textContent: name }),
          element("span", { className: "value", textContent: value }),
          element("span", { className: "hint", textContent: note }),
          element("span", { className: "hint", textContent: moved ? `trained: ${before[i][1]}` : "\u00a0" }));
      }));
    }

    // Tables

    function blame(event) {
      const cell = element("td");
      event.blamed.forEach(({ channel, share }, i) => {
        if (i) cell.append(", ");
        cell.append(element("span", { className: "blamed", textContent: data.channels[channel] }));
        if (data.channels.length > 1) cell.append(element("span", { className: "hint", textContent: ` ${Math.round(100 * share)} %` }));
      });
      if (inTraining(event)) cell.append(element("span", { className: "tag", textContent: "training rows" }));
      return cell;
    }

    function eventRow(event, top) {
      const bar = element("span");
      bar.style.width = `${Math.round((100 * event.severity) / top)}%`;
      const row = element("tr", { id: `row-${event.number}` },
        element("td", { className: "number" }, element("a", { href: `#event-${event.number}`, textContent: event.number })),
        element("td", { className: "time", textContent: time(event.start) }),
        element("td", { className: "time", textContent: time(event.end) }),
        element("td", { className: "number", textContent: Words.duration(event.steps * data.period_s) }),
        element("td", { className: "severity" }, element("span", { className: "meter" }, bar), event.severity.toFixed(1)),
        blame(event));
      row.dataset.event = event.number;
      if (truth) row.append(element("td", { textContent: isLabelled(event) ? "yes" : "no" }));
      return row;
    }

    function drawEvents(shown) {
      const top = shown.reduce((most, event) => Math.max(most, event.severity), 0);
      byId("event-rows").replaceChildren(...shown.map((event) => eventRow(event, top)));
      const total = now.events.length;
      const note = byId("events-note");
      note.classList.toggle("screen", total > 0 && shown.length === total);
      note.textContent = !total
        ? "No sample reached the alarm threshold long enough to be an event."
        : shown.length < total
          ? `The ${shown.length} most severe of ${total.toLocaleString("en")} events.`
          : "Choose an event to see it in the charts.";
    }

    function drawLabels() {
      byId("labels-note").textContent = truth.windows.length ? "" : "The file of labels holds no window.";
      byId("label-rows").replaceChildren(...truth.windows.map(({ start, end, rows }) => {
        const hits = rows ? now.events.filter((event) => Figures.meets([rows], [event.start, event.end + 1])) : [];
        const cell = element("td", { className: hits.length ? "" : "missed" });
        hits.forEach((event, i) => cell.append(i ? ", " : "", element("a", { href: `#event-${event.number}`, textContent: event.number })));
        if (!hits.length) cell.textContent = rows ? "not found" : "outside the series";
        return element("tr", {},
          element("td", { className: "time", textContent: Words.time(start, data.axis) }),
          element("td", { className: "time", textContent: Words.time(end, data.axis) }), cell);
      }));
    }

    // The threshold

    function drawLevels() {
      const score = scoreAt(now.threshold);
      const severity = now.threshold.toFixed(2);
      const levels = { scores: [score, Number(score.toPrecision(4))], thresholds: [now.threshold, severity] };
      Object.entries(levels).forEach(([name, [at, text]]) => {
        if (!charts[name]) return;
        const [line] = charts[name].layout.shapes;
        const [low, high] = ranges[name];
        const end = Math.max(high, at + 0.05 * (at - low));
        const xanchor = at - low < 0.3 * (end - low) ? "left" : "right";
        const label = { ...line.label, xanchor, text: `alarm from ${text}` };
        const change = { shapes: [{ ...line, x0: at, x1: at, label }] };
        if (end !== chart(name).layout.xaxis.range[1]) change["xaxis.range"] = [low, end];
        Plotly.relayout(chart(name), change);
      });
      slider.value = now.threshold;
      if (document.activeElement !== level) level.value = severity;
      const odds = Words.number(10 ** now.threshold);
      byId("meaning").textContent = `One normal sample in ${odds} is this severe. Score ${Number(score.toPrecision(3))}.`;
      byId("reset").hidden = now === trained;
      return score;
    }

    // Charts before words: plotly measures the page, which is slow right after it has changed.
    async function draw() {
      waiting = false;
      const drawn = now;
      const score = drawLevels();
      await series.show(drawn.events, { severity: drawn.threshold, score });
      document.querySelector("h1").textContent = headline();
      drawCards();
      document.body.dataset.drawn = drawn.threshold;
    }

    // Long tables, and so only once the slider rests.
    function drawTables() {
      drawEvents(mostSevere(now.events));
      if (truth) drawLabels();
      document.body.dataset.threshold = now.threshold;
    }

    function moveTo(threshold) {
      const { low, high } = data.slider;
      const inside = Math.min(Math.max(threshold, low), high);
      now = inside === data.threshold ? trained : judge(inside);
      if (chosen !== null) choose(null);
      if (!waiting) requestAnimationFrame(draw);
      waiting = true;
      clearTimeout(resting);
      resting = setTimeout(drawTables, REST_MS);
    }

    // Zoom: the address names the chosen event, so that it can be linked to and the way back works.

    function mark(number) {
      document.querySelectorAll("tr.chosen").forEach((row) => row.classList.remove("chosen"));
      const row = byId(`row-${number}`);
      if (row) row.classList.add("chosen");
      chosen = row ? number : null;
    }

    function choose(number) {
      const address = number === null ? window.location.pathname : `#event-${number}`;
      if (number !== null && window.location.hash === address) follow(true);
      else if (number !== null) window.location.hash = address;
      else {
        if (window.location.hash) window.history.replaceState(null, "", address);
        mark(null);
      }
    }

    function follow(scroll) {
      const found = /^#event-(\d+)$/.exec(window.location.hash);
      const event = found && now.events[Number(found[1]) - 1];
      if (event) {
        series.zoom(event);
        mark(event.number);
        if (scroll) byId("what-happened").scrollIntoView();
      } else if (scroll) {
        series.zoom(null);
        mark(null);
      }
    }

    function listen() {
      const { low, high } = data.slider;
      slider.addEventListener("input", () => moveTo(Number(slider.value)));
      level.addEventListener("input", () => {
        const value = Number(level.value);
        if (value >= low && value <= high) moveTo(value);
      });
      level.addEventListener("change", () => { level.value = now.threshold.toFixed(2); });
      byId("reset").addEventListener("click", () => moveTo(data.threshold));
      if (charts.scores) onClick(chart("scores"), (score) => moveTo(severityAt(score)));
      if (charts.thresholds) onClick(chart("thresholds"), moveTo);
      const lane = chart("series");
      lane.addEventListener("click", (click) => {
        const event = series.eventAt(click);
        if (event) choose(event.number);
      });
      const showAll = byId("show-all");
      lane.on("plotly_doubleclick", () => showAll.click());
      lane.on("plotly_relayout", () => { showAll.hidden = series.isWhole(); });
      showAll.addEventListener("click", () => {
        choose(null);
        series.zoom(null);
      });
      byId("event-rows").addEventListener("click", (click) => {
        const row = click.target.closest("tr");
        click.preventDefault();
        if (row) choose(Number(row.dataset.event));
      });
      window.addEventListener("hashchange", () => follow(true));
      series.listen();
      follow(false);
    }

    byId("reset").textContent = `Back to ${data.threshold.toFixed(2)}, as trained`;
    byId("trained").append(element("option", { value: data.threshold }));
    drawTables();
    return draw().then(listen);
  }

  // Any place in the plot counts, not only points.
  function onClick(plot, then) {
    plot.addEventListener("click", (click) => {
      const { xaxis, _size: size } = plot._fullLayout;
      const left = plot.getBoundingClientRect().left + size.l;
      const at = click.clientX - left;
      if (at >= 0 && at <= size.w) then(xaxis.p2d(at));
    });
  }

  // Charts are drawings of a fixed width: the sheet's while printing, the window's otherwise.
  function resize(printing) {
    Object.keys(charts).forEach((name) => {
      const size = printing ? { width: printed[name] || 1050, autosize: false } : { width: null, autosize: true };
      Plotly.relayout(chart(name), size);
    });
  }
  window.addEventListener("beforeprint", () => resize(true));
  window.addEventListener("afterprint", () => resize(false));

  const drawn = Object.entries(charts).map(([name, { data: traces, layout }]) =>
    Plotly.newPlot(chart(name), traces, layout, config));
  Promise.all(drawn)
    .then(() => (data ? unpackSeries().then(page) : null))
    .then(() => { document.documentElement.dataset.height = document.documentElement.scrollHeight; });
})();
