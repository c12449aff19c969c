// What is asked of the gateway, and what stands above the list.

const EVERY_MS = 3000, HISTORY_MS = 20_000, PATIENCE_MS = 10_000, LONGEST_QUERY = 6000;
const page = {
  now: Date.now(), writable: false, shown: 0, filter: null, data: null, byName: new Map(), ahead: 0, token: "",
  wall: () => Date.now() + page.ahead, // the gateway's clock, not the phone's
  keepToken(token) { page.token = token; try { sessionStorage.setItem("kad-token", token); } catch { /* a private window */ } },
  forgetToken() { page.token = ""; try { sessionStorage.removeItem("kad-token"); } catch { /* a private window */ } },
};
try { page.token = sessionStorage.getItem("kad-token") ?? ""; } catch { /* a private window */ }

const TILES = [
  ["all", "Streams"], ["standing", "Standing"], ["open", "Open"], ["silent", "Silent"],
  ["sensor", "Sensors"], ["muted", "Muted"], ["rate", "Rows/s"], ["lag", "Lag"], ["dropped", "Dropped"],
];
const tiles = new Map(TILES.map(([key, label]) => {
  const filters = key === "all" || key in GROUPS;
  const tile = make(filters ? "button" : "div", filters ? "tile" : "tile flow");
  tile.append(make("span", "value", "–"), make("span", "label", label));
  tile.title = GROUPS[key] ?? "";
  if (filters) {
    tile.type = "button";
    tile.setAttribute("aria-pressed", "false");
    tile.addEventListener("click", () => { page.filter = key === "all" || page.filter === key ? null : key; show(); });
  }
  get("tiles").append(tile);
  return [key, tile];
}));

function fillTiles(data) {
  const values = {
    all: count(data.streams.length), rate: data.rate == null ? "–" : count(data.rate), dropped: count(data.dropped),
    lag: data.lag == null ? "–" : data.lag < 10 ? `${data.lag.toFixed(1)} s` : duration(data.lag * 1000).split(" ", 2).join(" "),
  };
  for (const [key, tile] of tiles) {
    const value = values[key] ?? count(data.counts[key]);
    set(tile.firstChild, value);
    tile.classList.toggle("zero", value === "0");
    if (tile.type === "button") tile.setAttribute("aria-pressed", String((page.filter ?? "all") === key));
  }
  tiles.get("standing").classList.toggle("standing", data.counts.standing > 0);
  tiles.get("open").classList.toggle("alarm", data.counts.open > 0);
  tiles.get("dropped").classList.toggle("alarm", data.dropped > 0);
  tiles.get("lag").classList.toggle("alarm", data.lag > 60);
}

function fillNotes(data) {
  const notes = data.troubles.map((text) => ["note", text, ""]);
  for (const event of data.events) notes.push(["note info", sentence(event), ` Since ${moment(event.start, data.now)}.`]);
  const said = notes.map((note) => note.join("")).join("\n");
  if (get("notes").dataset.said === said) return;
  get("notes").dataset.said = said;
  get("notes").replaceChildren(...notes.map(([style, text, when]) => {
    const note = make("p", style, text);
    if (when) note.append(make("span", "when", when));
    return note;
  }));
}

function matches(stream, words) {
  const text = [stream.name, stream.model, stream.state, ...(stream.faults ?? []),
    ...(stream.events ?? []).flatMap((event) => [event.text, event.kind, ...event.channels.map((c) => c.name)])].join(" ").toLowerCase();
  return words.every((word) => text.includes(word));
}

function show() {
  const { data } = page;
  if (!data) return;
  const words = get("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  let streams = data.streams;
  if (page.filter) streams = streams.filter((stream) => stream.group === page.filter);
  if (words.length) streams = streams.filter((stream) => matches(stream, words));
  const counts = {};
  for (const stream of streams) counts[stream.group] = (counts[stream.group] ?? 0) + 1;
  page.shown = streams.length;
  fillTiles(data);
  fillNotes(data);
  set(get("shown"), words.length || page.filter ? `${whole.format(streams.length)} of ${whole.format(data.streams.length)}` : "");
  get("empty").hidden = streams.length > 0;
  set(get("empty"), data.streams.length ? "No stream is like that." : "No stream has spoken yet.");
  arrange(streams, counts);
  fetchHistories();
  if (open != null) fillDetails();
}

function fillLive(state, text) {
  get("live").className = `live ${state}`;
  set(get("live"), text);
  list.classList.toggle("stale", state === "warn" && text.startsWith("No answer"));
}

async function ask(path) {
  const answer = await fetch(path, { signal: AbortSignal.timeout(PATIENCE_MS) });
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  return answer.json();
}

let asking = false, heard = null, timer = null;
async function refresh() {
  if (asking) return;
  asking = true;
  clearTimeout(timer);
  const began = performance.now();
  try {
    const data = await ask("api/streams");
    Object.assign(page, { data, now: data.now, writable: data.writable, ahead: data.wall - Date.now() });
    page.byName = new Map(data.streams.map((stream) => [stream.name, stream]));
    for (const name of histories.keys()) if (!page.byName.has(name)) histories.delete(name);
    heard = Date.now();
    const alarms = data.counts.open + data.counts.standing;
    document.title = `${alarms ? `(${alarms}) ` : ""}${data.gateway} · kad`;
    set(get("gateway"), data.gateway);
    get("gateway").title = `kad ${data.version}`;
    fillLive(data.troubles.length ? "warn" : "on", data.troubles.length ? "Not ready" : `Live, ${seconds.format(data.now)}`);
    show();
  } catch {
    fillLive("warn", heard ? `No answer since ${seconds.format(heard)}` : "No answer");
  }
  asking = false;
  // A slow gateway is not asked more than a tenth of the time.
  timer = setTimeout(refresh, document.hidden ? 60_000 : Math.max(EVERY_MS, 10 * (performance.now() - began)));
}
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });

const fetching = new Set();
async function fetchHistories(names = null) {
  const wanted = names ?? inSight().filter((entry) => entry.stream).map((entry) => entry.key);
  const old = Date.now() - HISTORY_MS;
  const due = wanted.filter((name) => !fetching.has(name) && (histories.get(name)?.at ?? 0) < old);
  const queries = [""];
  for (const name of due.slice(0, 90)) {
    const part = `stream=${encodeURIComponent(name.replace(/\p{Surrogate}/gu, "\ufffd"))}`;
    if (queries.at(-1).length + part.length > LONGEST_QUERY) queries.push("");
    queries[queries.length - 1] += (queries.at(-1) ? "&" : "") + part;
    fetching.add(name);
  }
  for (const query of queries.filter(Boolean)) {
    const at = Date.now();
    try {
      for (const [name, history] of Object.entries(await ask(`api/histories?${query}`))) histories.set(name, { history, at });
    } catch { /* the next refresh says that nobody answers */ }
  }
  for (const name of due) fetching.delete(name);
  if (due.length) draw();
}

get("search").addEventListener("input", show);
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && !event.target.closest("input, select, dialog")) { event.preventDefault(); get("search").focus(); }
  if (event.key === "Escape" && event.target === get("search")) { get("search").value = ""; show(); }
  if (event.key === "ArrowDown" && event.target === get("search")) {
    const first = entries.find((entry) => entry.stream);
    if (first) { event.preventDefault(); focusRow(first); }
  }
});

const THEMES = [["", "Auto", "as the system"], ["light", "Light", "light"], ["dark", "Dark", "dark"]];
function paint(theme) {
  const [value, title, words] = THEMES.find(([key]) => key === theme) ?? THEMES[0];
  if (value) document.documentElement.dataset.theme = value; else delete document.documentElement.dataset.theme;
  set(get("theme"), title);
  get("theme").setAttribute("aria-label", `Appearance: ${words}`);
  restyle();
  if (open != null) fillDetails();
}
get("theme").addEventListener("click", () => {
  const at = THEMES.findIndex(([key]) => key === (document.documentElement.dataset.theme ?? ""));
  const [next] = THEMES[(at + 1) % THEMES.length];
  try { localStorage.setItem("kad-theme", next); } catch { /* a private window */ }
  paint(next);
});
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", restyle);
let theme = "";
try { theme = localStorage.getItem("kad-theme") ?? ""; } catch { /* a private window */ }
paint(theme);
refresh();
