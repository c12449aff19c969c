// The details of one stream, and its mute.

const get = (id) => document.getElementById(id);
let open = null; // name of the stream whose details are shown
let muting = null;
let reader = null;

for (const button of document.querySelectorAll("[data-close]")) {
  button.addEventListener("click", () => button.closest("dialog").close());
}
for (const dialog of document.querySelectorAll("dialog")) {
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
}
get("details").addEventListener("close", () => { open = null; });
get("details-mute").addEventListener("click", () => openMute(open));

async function openDetails(name) {
  open = name;
  get("details-body").replaceChildren();
  fillDetails();
  get("details").showModal();
  await fetchHistories([name]);
  fillDetails();
}

function fillDetails() {
  const stream = page.byName.get(open);
  if (!stream) return;
  const history = histories.get(open)?.history;
  set(get("details-name"), open);
  const facts = [GROUPS[stream.group]];
  if (stream.model) facts.push(`model ${stream.model}`);
  facts.push(`severity ${figure(stream.severity)}, threshold ${figure(stream.threshold)}`);
  if (stream.newest) facts.push(`newest row ${moment(stream.newest, page.now)}`);
  if (stream.muted != null) facts.push(stream.muted < 0 ? "out of service" : `muted ${until(stream.muted, page.now)}`);
  set(get("details-facts"), facts.join(" · "));
  get("details-mute").hidden = !page.writable;
  set(get("details-mute"), stream.muted == null ? "Mute" : "Change the mute");
  if (!history) return;
  if (history.start == null) set(get("reading"), "Nothing was scored yet.");
  else if (!reader?.pinned) set(get("reading"), `Severity of the last ${HOURS_SHOWN} hours: lowest and highest of each ${duration(history.bucket)}`);
  reader = { history, timeAt: chart(get("chart"), history, page.now), pinned: reader?.pinned };
  get("chart").setAttribute("aria-label", spoken(history));
  const body = [];
  const now = stream.events ?? [];
  if (now.length) body.push(make("h3", "", "Open now"), ...now.map((event) => eventBlock(event, true)));
  if (stream.faults) body.push(make("h3", "", "Sensors"), ...stream.faults.map((fault) => make("p", "", fault)));
  body.push(make("h3", "", "Ended lately"));
  body.push(...(history.ended.length ? history.ended.map((event) => eventBlock(event, false)) : [make("p", "facts", "No event.")]));
  const text = body.map((element) => element.textContent).join("\n");
  if (get("details-body").textContent !== text.replaceAll("\n", "")) get("details-body").replaceChildren(...body);
}

function eventBlock(event, goesOn) {
  const block = make("div", goesOn ? "event now" : "event");
  const line = make("p", "line");
  const length = goesOn ? `for ${duration(page.now - event.start)}` : `${duration((event.duration ?? 0) * 1000)} long`;
  line.append(make("strong", "", KINDS[event.kind] ?? event.kind), make("span", "", `${moment(event.start, page.now)}, ${length}${event.severity == null ? "" : `, severity ${figure(event.severity)}`}`));
  block.append(line, make("p", "", sentence(event)));
  if (event.ack) block.append(make("p", "facts", seen(event.ack)));
  if (!event.channels.length) return block;
  const table = make("table");
  const head = make("tr");
  for (const [title, style] of [["Channel", ""], ["Share", ""], ["Value", "figure"], ["Expected", "figure"]]) {
    const cell = make("th", style, title);
    cell.scope = "col";
    head.append(cell);
  }
  table.append(head);
  for (const channel of event.channels) {
    const row = make("tr");
    const share = make("td"), meter = make("meter");
    meter.max = 1;
    meter.value = channel.share ?? 0;
    meter.textContent = `${Math.round(100 * (channel.share ?? 0))} %`;
    share.append(meter);
    row.append(make("td", "", channel.name), share, make("td", "figure", measured(channel.value)), make("td", "figure", measured(channel.expected)));
    table.append(row);
  }
  block.append(table);
  return block;
}

get("chart").addEventListener("pointermove", (event) => {
  if (!reader?.history?.high.length) return;
  const { history, timeAt } = reader;
  const at = Math.floor((timeAt(event.offsetX) - history.start) / history.bucket);
  if (history.high[at] == null) return;
  reader.pinned = true;
  set(get("reading"), `${moment(history.start + at * history.bucket, page.now)}: severity ${figure(history.low[at], 2)} to ${figure(history.high[at], 2)}`);
});
get("chart").addEventListener("pointerleave", () => { if (reader) { reader.pinned = false; fillDetails(); } });

const CHOICES = [
  ["1 hour", () => page.wall() + HOUR], ["8 hours", () => page.wall() + 8 * HOUR], ["Tomorrow 7:00", tomorrow],
  ["1 week", () => page.wall() + 7 * DAY], ["Day and time", ownTime], ["Without end", () => -1],
];

function tomorrow() {
  const date = new Date(page.wall());
  date.setDate(date.getDate() + 1);
  return date.setHours(7, 0, 0, 0);
}

function ownTime() {
  const chosen = new Date(get("mute-time").value).getTime();
  return chosen > page.wall() ? chosen : null;
}

CHOICES.forEach(([title], at) => {
  const label = make("label", "", title), input = make("input");
  Object.assign(input, { type: "radio", name: "until", value: at, checked: at === 0 });
  label.prepend(input);
  get("mute-choices").append(label);
});
get("mute-choices").addEventListener("change", () => { get("mute-own").hidden = chosen() !== 4; });
function chosen() { return Number(new FormData(get("mute-form")).get("until")); }

async function openMute(name) {
  muting = name;
  const stream = page.byName.get(name);
  set(get("mute-name"), `Mute ${name}`);
  set(get("mute-now"), stream?.muted == null ? "It is scored as before; nobody is told of its events until then." :
    stream.muted < 0 ? "Out of service now." : `Muted ${until(stream.muted, page.now)}.`);
  get("mute-lift").hidden = stream?.muted == null && !stream?.mutedChannels;
  set(get("mute-said"), "");
  get("mute-token-label").hidden = Boolean(page.token);
  const select = get("mute-channel");
  select.replaceChildren(new Option("The whole stream", ""));
  const local = new Date(page.wall() + DAY - new Date().getTimezoneOffset() * MINUTE);
  get("mute-time").value = local.toISOString().slice(0, 16);
  get("mute").showModal();
  await fetchHistories([name]);
  for (const channel of histories.get(name)?.history.channels ?? []) {
    const muted = stream?.mutedChannels?.[channel];
    select.append(new Option(muted == null ? `Channel ${channel}` : `Channel ${channel} (muted ${until(muted, page.now)})`, channel));
  }
}

async function sendMute(end) {
  const said = get("mute-said");
  if (end === null) { set(said, "Choose a day and time to come."); return; }
  const token = page.token || get("mute-token").value.trim();
  if (!token) { set(said, "Enter the token that is configured for this page."); get("mute-token").focus(); return; }
  const body = { stream: muting, channel: get("mute-channel").value || null, until: end === "lift" ? null : Math.round(end) };
  try {
    const answer = await fetch("api/mute", {
      method: "POST", body: JSON.stringify(body),
      headers: { "Content-Type": "application/json", Authorization: `Bearer ${token}` },
    });
    if (answer.status === 401) page.forgetToken();
    if (!answer.ok) { set(said, await answer.text()); get("mute-token-label").hidden = Boolean(page.token); return; }
    page.keepToken(token);
    get("mute").close();
    refresh();
  } catch {
    set(said, "The gateway did not answer. Nothing was changed.");
  }
}
get("mute-form").addEventListener("submit", (event) => { event.preventDefault(); sendMute(CHOICES[chosen()][1]()); });
get("mute-lift").addEventListener("click", () => sendMute("lift"));
