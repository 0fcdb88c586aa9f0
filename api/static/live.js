/** The first page's live feed: the last 7 events at once, then each new one; and its forms. */

import { API } from "./coinslot.js";

const FIRST = 7;
const MOST = 50; // on the page; what is older makes room
const LONGEST = 10_000; // characters
const COUNT_EVERY_MS = 2000;
const TOKEN = "coinslot-token";

const at = (id) => document.getElementById(id);
const feed = at("feed");
let api;

/** Events to be shown, oldest first: shown once a frame, however fast they come. */
let waiting = [];
let paused = false;
let counting = null;

function add(event) {
  waiting.push(event);
  waiting = waiting.slice(-MOST);
  if (waiting.length === 1) requestAnimationFrame(show);
}

function show() {
  if (paused) return;
  for (const event of waiting) {
    // A change may be told twice; an event is shown once.
    if (![...feed.children].some((item) => item.dataset.id === event._id)) feed.prepend(item(event));
  }
  waiting = [];
  while (feed.children.length > MOST) feed.lastChild.remove();
  at("empty").hidden = feed.children.length > 0;
  counting ??= setTimeout(showCount, COUNT_EVERY_MS);
}

/** Only ever text: what an event holds is a stranger's. */
function item(event) {
  const { _id, timestamp, ...rest } = event;
  const line = document.createElement("li");
  line.dataset.id = _id;
  const details = line.appendChild(document.createElement("details"));
  const summary = details.appendChild(document.createElement("summary"));
  summary.append(text("time", readable(timestamp)), text("code", JSON.stringify(rest)));
  details.append(text("pre", JSON.stringify(event, null, 2)));
  return line;
}

function text(tag, content) {
  const element = document.createElement(tag);
  element.textContent = content.length > LONGEST ? `${content.slice(0, LONGEST)} …` : content;
  return element;
}

/** Clients send seconds or milliseconds since 1970, or whatever they like. */
function readable(timestamp) {
  const date = new Date(timestamp < 1e11 ? timestamp * 1000 : timestamp);
  return Number.isNaN(date.valueOf()) ? String(timestamp) : date.toISOString().replace("T", " ").slice(0, 19);
}

/** What the server says is shown by the status alone, so that failures here need not. */
function showLast() {
  const show = (events) => events.reverse().forEach(add);
  return api.fetchRange({ order: "desc", limit: FIRST }).then(show, () => {});
}

function showCount() {
  counting = null;
  const show = (count) => (at("count").textContent = count.toLocaleString("en"));
  return api.count().then(show, () => {});
}

function say(status) {
  at("status").textContent = status;
}

at("pause").addEventListener("click", ({ target }) => {
  paused = !paused;
  target.setAttribute("aria-pressed", paused);
  show();
});

at("event").value = JSON.stringify({ timestamp: Date.now(), greeting: "hello" });
at("slot").addEventListener("submit", async (submission) => {
  submission.preventDefault();
  try {
    at("result").textContent = `accepted: ${await api.saveData(JSON.parse(at("event").value))}`;
  } catch (error) {
    at("result").textContent = error.message;
    askForToken(error);
  }
});

function askForToken(error) {
  if ([401, 403].includes(error.status)) at("door").hidden = false;
}

at("door").addEventListener("submit", (submission) => {
  submission.preventDefault();
  const token = at("token").value;
  try {
    begin(token);
  } catch (error) {
    return say(error.message);
  }
  at("token").value = "";
  at("door").hidden = true;
  keep(token);
});

/** Kept for this tab alone, and gone with it; in a browser that keeps nothing, asked for at each visit. */
function keep(token) {
  try {
    sessionStorage.setItem(TOKEN, token);
  } catch {
    say("this browser does not keep the token");
  }
}

function kept() {
  try {
    return sessionStorage.getItem(TOKEN) ?? undefined;
  } catch {
    return undefined;
  }
}

function begin(token) {
  const next = new API(new URL("..", import.meta.url).href, undefined, { token });
  api?.close();
  api = next;
  api.on("change", (event) => {
    say("connected");
    add(event);
  });
  api.on("error", (error) => {
    say(error.message);
    askForToken(error);
  });
  // Shown at once, and again when following has begun: for what was stored between the two.
  showCount();
  showLast();
  const begun = () => {
    say("connected");
    showLast();
  };
  api.followChanges().then(begun, () => {}); // `error` has told why not
}

begin(kept());
