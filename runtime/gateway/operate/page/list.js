// The list of streams: only the rows in sight are drawn, and a row that stays is never made anew.

const list = document.getElementById("list");
const narrow = window.matchMedia("(max-width: 720px)");
const MARGIN = 400; // pixels drawn beyond the screen
let entries = [];   // headings and streams: {key, top, height, heading | stream, place}
const drawn = new Map();
const histories = new Map(); // name → {history, at}

function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text != null) element.textContent = text;
  return element;
}

function set(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function heightOf(stream) {
  const busy = stream.group !== "quiet" && stream.group !== "warming" && stream.group !== "stopped";
  if (!narrow.matches) return busy ? 58 : 38;
  if (busy) return stream.events || what(stream).length > 46 ? 112 : 92;
  return what(stream) ? 64 : 46;
}

// Puts streams, in their order, under the headings of their groups.
function arrange(streams, counts) {
  entries = [];
  let top = 0, group = null, place = 0;
  for (const stream of streams) {
    if (stream.group !== group) {
      group = stream.group;
      entries.push({ key: `#${group}`, top, height: top ? 44 : 30, heading: GROUPS[group], count: counts[group] });
      top += entries.at(-1).height;
    }
    entries.push({ key: stream.name, top, height: heightOf(stream), stream, place: place++ });
    top += entries.at(-1).height;
  }
  list.style.height = `${top}px`;
  draw();
}

function inSight() {
  const above = list.getBoundingClientRect().top;
  const from = -above - MARGIN, to = -above + window.innerHeight + MARGIN;
  let low = 0, high = entries.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (entries[middle].top + entries[middle].height < from) low = middle + 1; else high = middle;
  }
  const found = [];
  for (let at = low; at < entries.length && entries[at].top <= to; at++) found.push(entries[at]);
  const focused = document.activeElement?.closest?.(".row")?.dataset.name;
  if (focused != null && !found.some((entry) => entry.key === focused)) {
    const kept = entries.find((entry) => entry.key === focused);
    if (kept) found.push(kept);
  }
  return found;
}

function draw() {
  const sight = inSight();
  const keys = new Set(sight.map((entry) => entry.key));
  for (const [key, element] of drawn) {
    if (!keys.has(key)) { element.remove(); drawn.delete(key); }
  }
  let before = null; // the order of the document is the order of Tab
  for (const entry of sight.sort((a, b) => a.top - b.top)) {
    let element = drawn.get(entry.key);
    if (!element) {
      element = entry.stream ? newRow() : newHeading();
      drawn.set(entry.key, element);
      list.insertBefore(element, before ? before.nextSibling : list.firstChild);
    } else if (element.previousSibling !== before && !element.contains(document.activeElement)) {
      list.insertBefore(element, before ? before.nextSibling : list.firstChild);
    }
    before = element;
    const shift = `translateY(${entry.top}px)`;
    if (element.style.transform !== shift) element.style.transform = shift;
    element.style.height = `${entry.height}px`;
    if (entry.stream) fillRow(element, entry); else fillHeading(element, entry);
  }
}

function newHeading() {
  const element = make("div", "group");
  element.setAttribute("role", "listitem");
  const heading = make("h2");
  heading.append(document.createTextNode(""), make("span"));
  element.append(heading);
  return element;
}

function fillHeading(element, entry) {
  const heading = element.firstChild;
  if (heading.firstChild.data !== entry.heading) heading.firstChild.data = entry.heading;
  set(heading.lastChild, whole.format(entry.count));
}

function newRow() {
  const row = make("div", "row");
  row.setAttribute("role", "listitem");
  const who = make("div", "who");
  const name = make("button", "name");
  name.type = "button";
  name.append(make("span", "path"), make("span", "leaf"));
  who.append(name, make("p", "what"));
  const spark = make("canvas", "spark");
  spark.setAttribute("role", "img");
  const mute = make("button", "mute", "Mute");
  mute.type = "button";
  row.append(who, spark, make("span", "severity"), make("span", "since"), mute);
  name.addEventListener("click", () => openDetails(row.dataset.name));
  mute.addEventListener("click", () => openMute(row.dataset.name));
  return row;
}

function what(stream) {
  const channels = Object.keys(stream.mutedChannels ?? {});
  const parts = [];
  if (stream.group === "muted") parts.push(stream.muted < 0 ? "Out of service." : `Muted ${until(stream.muted, page.now)}.`);
  const events = (stream.events ?? []).filter((event) => event.kind !== "silent");
  if (events.length) parts.push(sentence(events[0]) + (events.length > 1 ? ` (${events.length - 1} more)` : ""));
  if (events[0]?.ack) parts.push(`${seen(events[0].ack)}.`);
  if (stream.group === "silent") parts.push(stream.newest ? `Last heard ${moment(stream.newest, page.now)}.` : "Never heard.");
  if (stream.faults && !events.some((event) => event.kind === "sensor")) parts.push(`${stream.faults.join(", ")}.`.replace(/^./, (letter) => letter.toUpperCase()));
  if (stream.group === "warming") parts.push("Too few rows yet to score.");
  if (stream.group === "stopped") parts.push("Not scored while its machine is off.");
  if (channels.length) parts.push(`Muted: ${channels.join(", ")}.`);
  return parts.join(" ");
}

function since(stream) {
  const starts = (stream.events ?? []).map((event) => event.start);
  if (starts.length) return duration(page.now - Math.min(...starts));
  if (stream.group === "silent" && stream.newest) return duration(page.now - stream.newest);
  return "";
}

function fillRow(row, entry) {
  const { stream } = entry;
  const [who, spark, severity, age, mute] = row.children;
  const classes = `row ${stream.group}`;
  if (row.className !== classes) row.className = classes;
  row.dataset.name = stream.name;
  row.setAttribute("aria-posinset", entry.place + 1);
  row.setAttribute("aria-setsize", page.shown);
  const cut = stream.name.lastIndexOf("/", stream.name.length - 2) + 1; // the end of a long name tells it apart
  set(who.firstChild.firstChild, stream.name.slice(0, cut));
  set(who.firstChild.lastChild, stream.name.slice(cut));
  if (who.firstChild.ariaLabel !== stream.name) who.firstChild.ariaLabel = stream.name;
  set(who.lastChild, what(stream));
  who.title = what(stream);
  const silent = stream.group === "silent";
  set(severity, silent ? "–" : figure(stream.severity));
  severity.classList.toggle("above", !silent && stream.severity >= stream.threshold);
  severity.title = stream.threshold == null ? "" : `Threshold ${figure(stream.threshold)}`;
  set(age, since(stream));
  mute.hidden = !page.writable;
  set(mute, stream.muted == null ? "Mute" : "Muted");
  mute.setAttribute("aria-label", `${stream.muted == null ? "Mute" : "Change the mute of"} ${stream.name}`);
  const known = histories.get(stream.name);
  if (known && (row.drawnAt !== known.at || row.drawnFor !== stream.name || row.drawnEdge !== edge())) {
    sparkline(spark, known.history, page.now, stream.group);
    spark.setAttribute("aria-label", spoken(known.history));
    [row.drawnAt, row.drawnFor, row.drawnEdge] = [known.at, stream.name, edge()];
  }
}

// Sparklines move on each half minute, and are drawn anew where size or colours change.
let looks = 0;
function edge() { return `${Math.floor(page.now / 30_000)} ${looks}`; }
function restyle() { inks = null; looks++; draw(); }

let waiting = false;
function soon() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; draw(); fetchHistories(); });
}
window.addEventListener("scroll", soon, { passive: true });
window.addEventListener("resize", () => { looks++; soon(); });
narrow.addEventListener("change", () => show());

list.addEventListener("keydown", (event) => {
  const rows = entries.filter((entry) => entry.stream);
  const here = rows.findIndex((entry) => entry.key === event.target.closest(".row")?.dataset.name);
  const leap = Math.max(1, Math.floor(window.innerHeight / 60) - 2);
  const moves = { ArrowDown: here + 1, ArrowUp: here - 1, PageDown: here + leap, PageUp: here - leap, Home: 0, End: rows.length - 1 };
  if (!(event.key in moves) || !rows.length) return;
  event.preventDefault();
  focusRow(rows[Math.min(Math.max(moves[event.key], 0), rows.length - 1)]);
});

function focusRow(entry) {
  const top = list.getBoundingClientRect().top + entry.top;
  const head = 64, foot = window.innerHeight - entry.height - 24;
  if (top < head) window.scrollBy(0, top - head);
  else if (top > foot) window.scrollBy(0, top - foot);
  draw();
  drawn.get(entry.key)?.querySelector(".name").focus({ preventScroll: true });
}
