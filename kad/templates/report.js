"use strict";
(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const charts = read("report-charts");
  const windows = read("report-windows");
  const config = {
    responsive: true,
    displayModeBar: false,
    doubleClick: false,
  };
  const printed = { series: 1050, training: 587, scores: 435 };
  const series = document.getElementById("chart-series");
  const showAll = document.getElementById("show-all");
  const whole = charts.series ? charts.series.layout.xaxis.range.slice() : null;

  function zoom(range, number) {
    Plotly.relayout(series, { "xaxis.range": range.slice() });
    document.querySelectorAll("tr.chosen").forEach((row) => row.classList.remove("chosen"));
    const row = document.getElementById(`row-${number}`);
    if (row) row.classList.add("chosen");
  }

  // The address names the chosen event, so that it can be linked to and the way back works.
  function follow(event) {
    const found = /^#event-(\d+)$/.exec(window.location.hash);
    if (found && windows[found[1]]) {
      zoom(windows[found[1]], found[1]);
      if (event) document.getElementById("what-happened").scrollIntoView();
    } else if (event) {
      zoom(whole, null);
    }
  }

  function choose(number) {
    if (window.location.hash === `#event-${number}`) follow(true);
    else window.location.hash = `event-${number}`;
  }

  function listen() {
    series.on("plotly_click", (click) => {
      const lane = click.points.find((point) => point.data.name === "Events");
      if (lane) choose(lane.customdata);
    });
    series.on("plotly_doubleclick", () => showAll.click());
    series.on("plotly_relayout", () => {
      const [low, high] = series.layout.xaxis.range.map(Number);
      showAll.hidden = low <= whole[0] && high >= whole[1];
    });
    showAll.addEventListener("click", () => {
      if (window.location.hash) window.history.pushState(null, "", window.location.pathname);
      zoom(whole, null);
    });
    document.querySelectorAll("tr[data-event]").forEach((row) => {
      row.addEventListener("click", (click) => {
        click.preventDefault();
        choose(row.dataset.event);
      });
    });
    window.addEventListener("hashchange", follow);
    follow(null);
  }

  // Charts are drawings of a fixed width: the sheet's while printing, the window's otherwise.
  function resize(widths) {
    Object.keys(charts).forEach((name) => {
      const size = widths ? { width: widths[name], autosize: false } : { width: null, autosize: true };
      Plotly.relayout(`chart-${name}`, size);
    });
  }
  window.addEventListener("beforeprint", () => resize(printed));
  window.addEventListener("afterprint", () => resize(null));

  const drawn = Object.entries(charts).map(([name, figure]) =>
    Plotly.newPlot(`chart-${name}`, figure.data, figure.layout, config));
  Promise.all(drawn).then(() => {
    if (series) listen();
    document.documentElement.dataset.height = document.documentElement.scrollHeight;
  });
})();
