
"use strict";
// Each update has all counters since the start; what is drawn are differences between updates.
const SPAN = 180;
const byId = id => document.getElementById(id);
const clock = () => new Date().toLocaleTimeString("en-GB");
const css = name => getComputedStyle(document.documentElement).getPropertyValue(name);

/* Amounts as the server writes them. */
const TIMES = [[1, "s"], [1e-3, "ms"], [1e-6, "µs"], [1e-9, "ns"]];
const BYTES = [[2 ** 40, "TiB"], [2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"], [1, "B"]];
const grouped = new Intl.NumberFormat("en", { maximumFractionDigits: 0 }).format;
function scaled(value, units) {
  const last = units[units.length - 1];
  const [size, unit] = units.find(([size]) => value >= size) ?? last;
  const number = value / size;
  const isShort = number < 10 && size !== last[0];
  return `${isShort ? (Math.floor(number * 10) / 10).toFixed(1) : Math.floor(number)} ${unit}`;
}
const time = seconds => scaled(seconds * (1 + 1e-12), TIMES);
const bytes = number => scaled(number, BYTES);
function lasted(seconds) {
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1) return `${Math.floor(seconds)} s`;
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
const few = number => number < 9.95 ? number.toFixed(1) : grouped(number);
const unitOf = name => name.includes("bytes") ? bytes : name.endsWith("seconds") ? time : grouped;

/* Tables: the first cell of a row is its header. Rows and cells that are there are kept. */
function fill(body, rows) {
  while (body.rows.length > rows.length) body.deleteRow(-1);
  rows.forEach((cells, index) => {
    const row = body.rows[index] ?? body.insertRow();
    cells.forEach((cell, column) => {
      let there = row.cells[column];
      if (!there) {
        there = row.appendChild(document.createElement(column ? "td" : "th"));
        if (!column) there.scope = "row";
      }
      if (typeof cell === "object") fillProgress(there, cell);
      else if (there.firstElementChild || there.textContent !== cell) there.textContent = cell;
    });
  });
}
function fillProgress(cell, { part, text }) {
  let bar = cell.querySelector("progress");
  if (!bar) {
    bar = document.createElement("progress");
    bar.max = 100;
    bar.ariaLabel = "Transferred";
    cell.replaceChildren(bar, "");
  }
  bar.value = part;
  cell.lastChild.data = text;
}

/* The updates of the last ten seconds, and what was drawn in each second of the last three minutes. */
let updates = [];
let columns = new Map();
const total = (update, name, label) => update.stats.metrics[name].samples
  .filter(({ labels }) => !label || Object.values(labels).includes(label))
  .reduce((sum, { value, count }) => sum + (value ?? count), 0);
const seconds = (update, name, pool) => update.stats.metrics[name].samples
  .find(({ labels }) => labels.pool === pool).sum;
/* How many durations are in each range: cumulative in the update. */
function ranges(update, name) {
  const [{ buckets, count }] = update.stats.metrics[name].samples;
  const upTo = [...buckets.map(([, upTo]) => upTo), count];
  return upTo.map((upTo, index, all) => upTo - (index ? all[index - 1] : 0));
}
const bounds = update => update.stats.metrics.command_seconds.samples[0].buckets.map(([bound]) => bound);
const minus = (now, before) => now.map((count, index) => count - before[index]);
/* The bound of the range up to which this part of them is. */
function within(counts, part, update) {
  let left = counts.reduce((sum, count) => sum + count, 0) * part;
  if (!left) return null;
  const index = counts.findIndex(count => (left -= count) <= 0);
  return bounds(update)[index] ?? Infinity;
}
const atMost = bound => bound === null ? "–" : bound === Infinity ? "> 17 s" : `≤ ${time(bound)}`;
const before = age => updates.findLast(({ at }) => at <= updates[updates.length - 1].at - age) ?? updates[0];

const RATES = [
  ["commands", "Commands", number => `${few(number)}/s`],
  ["sent", "Sent", number => `${bytes(number)}/s`],
  ["received", "Received", number => `${bytes(number)}/s`],
  ["open", "Open sessions", grouped],
  ["iterations", "Iterations", number => `${few(number)}/s`],
  ["working", "Time at work", number => `${(100 * number).toFixed(1)} %`],
  ["lag", "Loop lag, p99", atMost],
  ["queue", "Run queue", grouped],
];
function ratesOf(now, then) {
  const span = (now.at - then.at) / 1000;
  const change = (name, label) => total(now, name, label) - total(then, name, label);
  const [awake, asleep] = [change("awake_seconds"), change("asleep_seconds")];
  return {
    commands: change("commands") / span,
    sent: change("bytes", "sent") / span,
    received: change("bytes", "received") / span,
    open: total(now, "sessions", "open"),
    iterations: change("iteration_seconds") / span,
    working: awake / (awake + asleep || 1),
    lag: within(minus(ranges(now, "lag_seconds"), ranges(then, "lag_seconds")), 0.99, now),
    queue: total(now, "turns_waiting"),
  };
}
function svg(name, attributes, parent) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  Object.entries(attributes).forEach(([key, value]) => element.setAttribute(key, value));
  return parent.appendChild(element);
}
for (const [key, title] of RATES) {
  const tile = byId("rates").appendChild(document.createElement("div"));
  tile.id = `rate-${key}`;
  tile.append(document.createElement("dt"), document.createElement("dd"));
  tile.firstChild.textContent = title;
  const drawing = { viewBox: `0 0 ${SPAN} 30`, preserveAspectRatio: "none", "aria-hidden": "true" };
  svg("path", {}, svg("svg", drawing, tile));
}
function drawRates(now, second) {
  for (const [key, , text] of RATES) {
    const tile = byId(`rate-${key}`);
    tile.children[1].textContent = text(now[key]);
    const known = [...columns].filter(([, { rates }]) => rates);
    const finite = ([at, { rates }]) => [at, Math.min(rates[key] ?? 0, 20)];
    const points = key === "lag" ? known.map(finite) : known.map(([at, { rates }]) => [at, rates[key]]);
    const most = Math.max(...points.map(([, value]) => value), Number.MIN_VALUE);
    const follows = index => index && points[index][0] - points[index - 1][0] < 3;
    const line = points.map(([at, value], index) =>
      `${follows(index) ? "L" : "M"}${SPAN - (second - at)} ${(29 - 28 * value / most).toFixed(1)}`);
    tile.querySelector("path").setAttribute("d", line.join(""));
  }
}

/* The ring: radius by the logarithm of the time, from 10 ns to 1 s. */
const PHASES = ["poll", "events", "completions", "deadlines", "control turns", "data turns", "accept", "status"];
const [INNER, DEPTH] = [46, 68];
const arcs = {};
const at = (radius, angle) => `${(radius * Math.sin(angle)).toFixed(2)} ${(-radius * Math.cos(angle)).toFixed(2)}`;
function arc(radius, index) {
  const turn = 2 * Math.PI / PHASES.length;
  const [from, to] = [turn * index + 0.02, turn * (index + 1) - 0.02];
  return `M ${at(radius, from)} A ${radius} ${radius} 0 0 1 ${at(radius, to)}`;
}
PHASES.forEach((name, index) => {
  svg("path", { class: "track", d: arc(INNER + DEPTH / 2, index), "stroke-width": DEPTH }, byId("ring"));
  arcs[name] = svg("path", { class: index ? "" : "poll" }, byId("ring"));
  const turn = 2 * Math.PI * (index + 0.5) / PHASES.length;
  const [x, y] = at(INNER + DEPTH + 16, turn).split(" ");
  const anchor = Math.sin(turn) > 0 ? "start" : "end";
  const label = svg("text", { x: x - Math.sign(x) * 8, y }, byId("ring"));
  label.style.textAnchor = anchor;
  label.textContent = name;
});
[2, 4, 6].forEach(decades => svg("circle", { r: INNER + DEPTH * decades / 8 }, byId("ring")));
const middle = svg("text", { class: "middle", y: -8 }, byId("ring"));
svg("text", { y: 10 }, byId("ring")).textContent = "iterations/s";
function drawRing(now, then) {
  const iterations = total(now, "iteration_seconds") - total(then, "iteration_seconds");
  const took = PHASES.map(name => now.phases[name] - then.phases[name]);
  const worked = took.reduce((sum, one) => sum + one, -took[0]);
  middle.textContent = few(iterations * 1000 / (now.at - then.at));
  fill(byId("phases"), PHASES.map((name, index) => {
    const each = iterations ? took[index] / iterations : 0;
    const depth = DEPTH * Math.min(1, Math.max(0, (Math.log10(each) + 8) / 8));
    arcs[name].setAttribute("d", arc(INNER + depth / 2, index));
    arcs[name].setAttribute("stroke-width", depth);
    return [name, time(each), index && worked ? `${(100 * took[index] / worked).toFixed(1)} %` : "–"];
  }));
}

/* The heat map: seconds from left to right, powers of two from the bottom up. */
const heat = byId("heat");
const AXIS = [[10, "1 µs"], [15, "33 µs"], [20, "1 ms"], [25, "34 ms"], [30, "1 s"]];
const FIRST = 10, ROWS = 26, LEFT = 44, BELOW = 18;
let cursor = null, latest = 0;
function drawHeat() {
  const { clientWidth: width, clientHeight: height } = heat;
  const ratio = devicePixelRatio || 1;
  [heat.width, heat.height] = [width * ratio, height * ratio];
  const pen = heat.getContext("2d");
  pen.scale(ratio, ratio);
  const [wide, high] = [(width - LEFT) / SPAN, (height - BELOW) / ROWS];
  const top = row => (ROWS - 1 - row) * high;
  const [quiet, line, accent, text] = ["--quiet", "--line", "--accent", "--text"].map(css);
  pen.font = `11px ${getComputedStyle(document.body).fontFamily}`;
  [pen.textAlign, pen.textBaseline] = ["right", "middle"];
  for (const [power, label] of AXIS) {
    const y = top(power - FIRST);
    pen.fillStyle = quiet;
    pen.fillText(label, LEFT - 8, y);
    pen.fillStyle = line;
    pen.fillRect(LEFT, y, width - LEFT, 1);
  }
  pen.fillStyle = quiet;
  pen.textBaseline = "bottom";
  for (const [ago, label] of [[0, "now"], [60, "1 min"], [120, "2 min"], [177, "3 min"]]) {
    pen.textAlign = ago === 177 ? "left" : ago ? "center" : "right";
    pen.fillText(label, ago === 177 ? LEFT : width - ago * wide, height);
  }
  const most = Math.log1p(Math.max(1, ...[...columns.values()].flatMap(({ counts }) => counts)));
  pen.fillStyle = accent;
  for (const [second, { counts }] of columns) {
    const x = width - (latest - second + 1) * wide;
    counts.forEach((count, row) => {
      if (!count) return;
      pen.globalAlpha = 0.2 + 0.8 * Math.log1p(count) / most;
      pen.fillRect(x, top(row), Math.max(wide, 1), Math.max(high - 0.5, 1));
    });
  }
  pen.globalAlpha = 1;
  if (cursor) {
    pen.strokeStyle = text;
    pen.strokeRect(width - (cursor.ago + 1) * wide - 1, top(cursor.row) - 1, wide + 2, high + 1.5);
  }
}
function showCell() {
  if (!cursor || !updates.length) return;
  cursor.ago = Math.min(SPAN - 1, Math.max(0, cursor.ago));
  cursor.row = Math.min(ROWS - 1, Math.max(0, cursor.row));
  const all = bounds(updates[0]);
  const [from, to] = [all[cursor.row - 1] ?? 0, all[cursor.row]];
  const range = to === undefined ? `over ${time(from)}` : `${from ? `${time(from)} to` : "up to"} ${time(to)}`;
  const count = columns.get(latest - cursor.ago)?.counts[cursor.row] ?? 0;
  byId("heat-cell").textContent = `${cursor.ago} s ago, ${range}: ${grouped(count)} commands`;
  drawHeat();
}
heat.addEventListener("pointermove", ({ offsetX, offsetY }) => {
  const ago = Math.floor((heat.clientWidth - offsetX) / ((heat.clientWidth - LEFT) / SPAN));
  const row = ROWS - 1 - Math.floor(offsetY / ((heat.clientHeight - BELOW) / ROWS));
  cursor = { ago, row };
  showCell();
});
heat.addEventListener("keydown", event => {
  const step = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
  if (!step) return;
  event.preventDefault();
  cursor ??= { ago: 0, row: 5 };
  cursor.ago += step[0];
  cursor.row += step[1];
  showCell();
});
function tellHeat(update) {
  const counts = new Array(ROWS).fill(0);
  for (const [second, column] of columns) {
    if (second > latest - 60) column.counts.forEach((count, row) => counts[row] += count);
  }
  const number = counts.reduce((sum, count) => sum + count, 0);
  const part = share => atMost(within(counts, share, update));
  byId("heat-text").textContent = number
    ? `Last minute: ${grouped(number)} commands; half ${part(0.5)}, 99 % ${part(0.99)}, all ${part(1)}.`
    : "Last minute: no commands.";
}

/* What the page has without JavaScript too. */
function showTables({ stats, sessions }, now, then) {
  byId("version").textContent = stats.version;
  byId("since").textContent = `Up ${lasted(stats.uptime_seconds)}, since ${stats.started}`;
  const shown = sessions.sessions;
  byId("sessions-count").textContent =
    grouped(shown.length + sessions.left_out) + (sessions.left_out ? `, ${shown.length} shown` : "");
  fill(byId("sessions"), shown.map(({ transfer, ...one }) => [
    one.peer, one.account ?? "–", one.secured, lasted(one.seconds), lasted(one.idle_seconds),
    one.command ?? one.activity,
    transfer?.per_cent != null ? { part: transfer.per_cent, text: `${transfer.per_cent} %` }
      : transfer ? bytes(transfer.bytes) : "",
    transfer ? `${bytes(transfer.bytes_per_second)}/s` : "", transfer?.path ?? "",
  ]));
  const families = Object.entries(stats.metrics);
  fill(byId("times"), families.filter(([, { type }]) => type === "histogram").flatMap(([name, family]) => {
    const unit = unitOf(name);
    const suffix = name.includes("bytes") ? "/s" : "";
    return family.samples.map(one => [
      [family.help, ...Object.values(one.labels)].join(": "), grouped(one.count),
      ...[one.p50, one.p99, one.p999, one.max].map(value => one.count ? unit(value) + suffix : "–"),
    ]);
  }));
  const totals = [];
  const tables = [["totals", "Totals", totals]];
  for (const [name, family] of families.filter(([, { type }]) => type !== "histogram")) {
    const rows = family.samples.map(({ labels, value }) => {
      const label = Object.values(labels);
      const same = then.stats.metrics[name]?.samples.find(one => `${Object.values(one.labels)}` === `${label}`);
      const rate = (value - (same?.value ?? 0)) * 1000 / (now.at - then.at);
      const amount = unitOf(name) === bytes ? bytes(rate) : few(rate);
      const text = name.endsWith("seconds") ? `${(100 * rate).toFixed(1)} %` : `${amount}/s`;
      const perSecond = family.type === "counter" && rate > 0 && now.at > then.at ? text : "";
      return [label.join(", ") || family.help, unitOf(name)(value), perSecond];
    });
    if (family.samples.length === 1 && !Object.keys(family.samples[0].labels).length) totals.push(...rows);
    else if (rows.length) tables.push([name, family.help, rows]);
  }
  for (const [name, title, rows] of tables) {
    let table = byId(`of-${name}`);
    if (!table) {
      table = byId("counts").appendChild(document.createElement("table"));
      table.id = `of-${name}`;
      table.createCaption().textContent = title;
      table.createTBody();
    }
    fill(table.tBodies[0], rows);
  }
}
function showPools(now, then) {
  const span = (now.at - then.at) / 1000;
  const { jobs, job_wait_seconds: waits, job_run_seconds: runs } = now.stats.metrics;
  fill(byId("pools"), jobs.samples.map(({ labels: { pool }, value }, index) => {
    const mean = name => span ? ((seconds(now, name, pool) - seconds(then, name, pool)) / span).toFixed(2) : "–";
    const p99 = ({ samples }) => samples[index].count ? time(samples[index].p99) : "–";
    return [pool, grouped(value), grouped(total(now, "jobs_outstanding", pool)), mean("job_wait_seconds"),
      mean("job_run_seconds"), p99(waits), p99(runs)];
  }));
}

function take(update) {
  update.at = performance.now();
  const last = updates[updates.length - 1];
  if (last && last.stats.version !== update.stats.version) return location.reload();
  const isNew = last && last.stats.started !== update.stats.started;
  if (isNew) [updates, columns] = [[], new Map()];
  tell(update.stats.stopping ? "The server is stopping: transfers end first."
    : isNew ? `The server was started again at ${clock()}.`
    : lostAt ? `Connected again at ${clock()}.` : isTold ? null : "Live.");
  lostAt = null;
  latest = Math.floor(update.at / 1000);
  // What happened while the page was hidden or not connected has no place in time.
  const previous = isNew || update.at - last?.at > 2000 ? null : last;
  if (!previous) updates = [];
  updates = [...updates.filter(({ at }) => at > update.at - 10_500), update];
  for (const second of columns.keys()) if (second <= latest - SPAN) columns.delete(second);
  const column = columns.get(latest) ?? { counts: new Array(ROWS).fill(0), rates: null };
  columns.set(latest, column);
  if (previous) {
    minus(ranges(update, "command_seconds"), ranges(previous, "command_seconds"))
      .forEach((count, row) => column.counts[row] += count);
  }
  const then = before(1000);
  showTables(update, update, then);
  showPools(update, before(10_000));
  if (then !== update) {
    column.rates = ratesOf(update, then);
    drawRates(column.rates, latest);
    drawRing(update, then);
  }
  tellHeat(update);
  drawHeat();
}

/* The stream: read only while the page is visible, and opened again when it breaks. */
let stream = null, again = 0, lostAt = null, isTold = false, isPaused = false;
function tell(text, isLost = false) {
  if (text === null) return;
  isTold = true;
  byId("state").className = isLost ? "lost" : "";
  if (byId("state").textContent !== text) byId("state").textContent = text;
}
function connect() {
  clearTimeout(again);
  stream?.close();
  stream = null;
  if (isPaused || document.hidden) return;
  stream = new EventSource("/events");
  stream.onmessage = ({ data }) => take(JSON.parse(data));
  stream.onerror = () => {
    stream?.close();
    lostAt ??= clock();
    tell(`Not connected since ${lostAt}. Trying again every second.`, true);
    clearTimeout(again);
    again = setTimeout(connect, 1000);
  };
}
byId("pause").addEventListener("click", () => {
  isPaused = !isPaused;
  byId("pause").textContent = isPaused ? "Resume" : "Pause";
  tell(isPaused ? `Paused at ${clock()}.` : "Connecting.");
  [isTold, lostAt] = [isPaused, null];
  connect();
});
document.addEventListener("visibilitychange", connect);
addEventListener("resize", drawHeat);
byId("live").hidden = byId("pause").hidden = false;
tell("Connecting.");
isTold = false;
drawHeat();
connect();
