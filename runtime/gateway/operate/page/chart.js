// Sparklines and the chart of one stream, on canvases.

const HOURS_SHOWN = 8;
const ROOM = 0.6; // of a sparkline's height lies below its threshold, in every row alike

function prepare(canvas) {
  const scale = window.devicePixelRatio || 1;
  const width = canvas.clientWidth, height = canvas.clientHeight;
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, width, height);
  return [pen, width, height];
}

let inks = null;
function ink(name) {
  if (!inks) {
    const style = getComputedStyle(document.documentElement);
    inks = Object.fromEntries(["alarm", "standing", "trace", "band", "line", "strong-line", "muted", "faint", "ink"]
      .map((key) => [key, style.getPropertyValue(`--${key}`).trim()]));
  }
  return inks[name];
}

// Buckets that belong together: a stream may be slower than a bucket, and its usual distance is no gap.
function runs(history) {
  const known = [];
  history.high.forEach((high, at) => { if (high != null) known.push(at); });
  const apart = known.slice(1).map((at, before) => at - known[before]).sort((a, b) => a - b);
  const usual = 1.5 * (apart[apart.length >> 1] ?? 1);
  const found = [];
  known.forEach((at, place) => {
    if (place && at - known[place - 1] <= usual) found.at(-1).push(at);
    else found.push([at]);
  });
  return found;
}

function trace(pen, history, x, y) {
  const step = x(history.start + history.bucket) - x(history.start);
  for (const run of runs(history)) {
    const at = (bucket) => x(history.start + (bucket + 0.5) * history.bucket);
    pen.beginPath();
    if (run.length === 1) {
      const middle = at(run[0]), half = Math.max(step / 2, 0.75);
      const top = y(history.high[run[0]]), bottom = y(history.low[run[0]]);
      pen.rect(middle - half, top - 0.6, 2 * half, bottom - top + 1.2);
    } else {
      for (const bucket of run) pen.lineTo(at(bucket), y(history.high[bucket]) - 0.6);
      for (const bucket of run.slice().reverse()) pen.lineTo(at(bucket), y(history.low[bucket]) + 0.6);
      pen.closePath();
    }
    pen.fill();
    pen.stroke();
  }
}

// Fills what lies between the threshold and the highest values above it.
function excess(pen, history, x, y, line) {
  pen.globalAlpha = 0.22;
  for (const run of runs(history)) {
    const at = (bucket) => x(history.start + (bucket + 0.5) * history.bucket);
    pen.beginPath();
    pen.moveTo(at(run[0]), line);
    for (const bucket of run) pen.lineTo(at(bucket), Math.min(y(history.high[bucket]), line));
    pen.lineTo(at(run.at(-1)), line);
    pen.fill();
  }
  pen.globalAlpha = 1;
}

// The threshold lies at the same height in every row; above it the scale closes up slowly.
function sparkline(canvas, history, now, alarmed) {
  const [pen, width, height] = prepare(canvas);
  const threshold = history.threshold > 0 ? history.threshold : 1;
  const y = (value) => {
    const share = Math.max(value, 0) / threshold;
    const up = share <= 1 ? ROOM * share : 1 - (1 - ROOM) * Math.exp(-(share - 1) / 0.7);
    return height - 1.5 - up * (height - 3);
  };
  const x = (time) => width * (1 + (time - now) / (HOURS_SHOWN * HOUR));
  const line = Math.round(y(threshold)) + 0.5;
  const colours = [["band", "trace", line, height], ["alarm", "alarm", 0, line]];
  if (history.start != null) {
    for (const [fill, stroke, top, bottom] of colours) {
      pen.save();
      pen.beginPath();
      pen.rect(0, top, width, bottom - top);
      pen.clip();
      pen.fillStyle = ink(fill === "alarm" && alarmed === "standing" ? "standing" : fill);
      pen.strokeStyle = ink(stroke === "alarm" && alarmed === "standing" ? "standing" : stroke);
      pen.lineWidth = 0.9;
      if (fill === "alarm") excess(pen, history, x, y, line);
      trace(pen, history, x, y);
      pen.restore();
    }
  }
  pen.strokeStyle = ink("strong-line");
  pen.setLineDash([2, 3]);
  pen.lineWidth = 1;
  pen.beginPath();
  pen.moveTo(0, line);
  pen.lineTo(width, line);
  pen.stroke();
  pen.setLineDash([]);
}

function ticks(top) {
  const step = [0.5, 1, 2, 5, 10, 20, 50, 100].find((size) => top / size <= 5) ?? top / 4;
  return Array.from({ length: Math.floor(top / step) + 1 }, (_, at) => at * step);
}

function chart(canvas, history, now) {
  const [pen, width, height] = prepare(canvas);
  const left = 26, bottom = 20;
  const highest = Math.max(...history.high.filter((value) => value != null), 0);
  const top = Math.max(highest * 1.08, (history.threshold ?? 1) * 1.4);
  const y = (value) => (height - bottom) * (1 - Math.max(value, 0) / top) + 4 * (Math.max(value, 0) / top);
  const x = (time) => left + (width - left) * (1 + (time - now) / (HOURS_SHOWN * HOUR));
  pen.font = `11px ${getComputedStyle(document.body).fontFamily}`;
  pen.fillStyle = ink("muted");
  pen.strokeStyle = ink("line");
  pen.lineWidth = 1;
  for (const tick of ticks(top)) {
    const line = Math.round(y(tick)) + 0.5;
    pen.beginPath(); pen.moveTo(left, line); pen.lineTo(width, line); pen.stroke();
    pen.fillText(String(tick), 0, line + 4);
  }
  const every = (width < 420 ? 2 : 1) * HOUR;
  const zone = new Date(now).getTimezoneOffset() * MINUTE;
  for (let time = Math.ceil((now - HOURS_SHOWN * HOUR - zone) / every) * every + zone; time <= now; time += every) {
    if (x(time) > left + 10 && x(time) < width - 16) {
      pen.textAlign = "center";
      pen.fillText(clock.format(time), x(time), height - 4);
    }
  }
  pen.textAlign = "start";
  if (history.start != null) {
    const limit = history.threshold == null ? 0 : y(history.threshold);
    for (const [fill, stroke, from, to] of [["band", "trace", limit, height - bottom + 1], ["alarm", "alarm", 0, limit]]) {
      pen.save();
      pen.beginPath(); pen.rect(left, from, width - left, to - from); pen.clip();
      pen.fillStyle = ink(fill); pen.strokeStyle = ink(stroke);
      if (fill === "alarm") excess(pen, history, x, y, limit);
      trace(pen, history, x, y);
      pen.restore();
    }
  }
  if (history.threshold != null) {
    const line = Math.round(y(history.threshold)) + 0.5;
    pen.strokeStyle = ink("alarm");
    pen.setLineDash([4, 3]);
    pen.beginPath(); pen.moveTo(left, line); pen.lineTo(width, line); pen.stroke();
    pen.setLineDash([]);
  }
  return (offset) => now + ((offset - left) / (width - left) - 1) * HOURS_SHOWN * HOUR;
}

function spoken(history) {
  const highs = history.high.filter((value) => value != null);
  if (!highs.length) return "Severity: nothing was scored yet";
  return `Severity of the last hours: highest ${figure(Math.max(...highs))}, threshold ${figure(history.threshold)}`;
}
