/**
 * The page: signs in, chooses the venue, shows the state of the connection, and what surrounds the
 * board. `mount(element, {token})` puts it into a page of one's own.
 */
import {Board} from "./board.js";
import {h, icon, put, say, settings} from "./dom.js";
import {showDialog} from "./lists.js";
import {SignIn, showGate} from "./login.js";
import {LANGUAGES, formats, language, number, span, t} from "./words.js";

const BASE = new URL("..", import.meta.url).href.replace(/\/$/, "");
const THEMES = ["system", "light", "dark"];
const CRITICAL_EVERY_MS = 5_000;
const VERSION_EVERY_MS = 300_000;
const CYCLE_MS = 30_000;
const TOO_MANY = 4007;
/** Titles for connections that ended for good, by close code. @type {Record<number, string>} */
const ENDINGS = {4005: "expiredTitle", 4504: "revokedTitle", 4500: "refusedTitle", 4501: "refusedTitle"};
const STATES = /** @type {const} */ ({live: "isLive", connecting: "isConnecting",
  replaying: "isReplaying", polling: "isPolling", closed: "isClosed"});

/**
 * Show the dashboard in an element.
 * @param {Element} root
 * @param {{token?: () => Promise<string>, base?: string}} [options] `token`: of a login of one's own
 */
export function mount(root, options = {}) {
  const page = new Page(root, options);
  page.start();
  return page;
}

class Page {
  /** @type {Board | null} */
  #board = null;
  /** @type {any[]} */
  #venues = [];
  /** @type {any} */
  #venue = null;
  #isWall = new URLSearchParams(location.search).has("wall");
  /** @type {Record<string, any>} */
  #parts = {};
  /** @type {any[]} */
  #critical = [];
  #criticalTimer = 0;
  #stateAt = 0;
  #lastCode = /** @type {number | null} */ (null);
  #sound = /** @type {AudioContext | null} */ (null);
  #signIn; #token; #root; #base; #ownToken;

  /** @param {Element} root @param {{token?: () => Promise<string>, base?: string}} options */
  constructor(root, {token, base = BASE}) {
    this.#root = root;
    this.#base = base;
    this.#signIn = new SignIn(base);
    this.#ownToken = token !== undefined;
    this.#token = token ?? this.#signIn.present;
    // The address with a code may be opened in a tab where the page stands already.
    if (!this.#ownToken) {
      addEventListener("hashchange", () => { if (location.hash.startsWith("#code=")) location.reload(); });
    }
  }

  async start() {
    document.documentElement.lang = language;
    this.#setTheme(settings.get("rtdash.theme") ?? "system");
    document.body.classList.toggle("wall", this.#isWall);
    put(this.#root, h("p", {class: "loading", role: "status"}, t("loading")));
    try {
      const redeemed = this.#ownToken ? "none" : await this.#signIn.redeem();
      const note = redeemed === "token_in_address" ? t("addressToken") : undefined;
      if (redeemed === "refused" && !this.#signIn.token) return this.#gate("codeTitle");
      if (!this.#ownToken && !this.#signIn.token) return this.#gate("noTokenTitle", note);
      await this.#enter();
      if (note) this.#note(note);
    } catch (error) {
      console.error(error);
      showGate(this.#root, {title: t("unreachableTitle"), onRetry: () => this.start()});
      setTimeout(() => { if (!this.#board) this.start(); }, 10_000);
    }
  }

  /** @param {string} title @param {string} [note] */
  #gate(title, note) {
    this.#board?.close();
    this.#board = null;
    this.#signIn.token = null;
    showGate(this.#root, {
      title: t(title), text: t("noToken"), note,
      onToken: this.#ownToken ? undefined : (token) => {
        this.#signIn.token = token;
        this.start();
      },
    });
  }

  async #enter() {
    const response = await fetch(`${this.#base}/api/user/profile`, {
      headers: {Authorization: `Bearer ${await this.#token()}`}, cache: "no-store",
      credentials: "omit",
    });
    if (response.status === 401) {
      const {detail = ""} = await response.json().catch(() => ({}));
      return this.#gate(detail.includes("expired") ? "expiredTitle"
        : detail.includes("revoked") ? "revokedTitle" : "refusedTitle");
    }
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    const profile = await response.json();
    this.#venues = profile.venues.filter(
      (/** @type {any} */ venue) => profile.scopes.includes(`${venue.kind}:read`));
    if (!this.#venues.length) {
      return showGate(this.#root, {title: t("noVenueTitle"), text: t("noVenue"),
        onToken: this.#ownToken ? undefined : (token) => {
          this.#signIn.token = token;
          this.start();
        }});
    }
    const wished = new URLSearchParams(location.search).get("venue") ?? settings.get("rtdash.venue");
    this.#frame();
    this.#open(this.#venues.find((one) => one.id === wished) ?? this.#venues[0]);
    this.#surround();
  }

  /** Everything around the board. */
  #frame() {
    const parts = this.#parts;
    const button = (/** @type {string} */ word, /** @type {string} */ sign, /** @type {() => void} */ act) =>
      h("button", {class: "icon", "aria-label": t(word), title: t(word), onclick: act}, icon(sign));
    parts.chooser = h("select", {"aria-label": t("venue"), onchange: () =>
      this.#open(this.#venues[parts.chooser.selectedIndex])},
    ...this.#venues.map((one) => h("option", {value: one.id}, one.name)));
    parts.heading = h("h1", {});
    parts.date = h("span", {class: "date"});
    parts.clock = h("time", {class: "clock"});
    parts.dot = h("span", {class: "dot", "aria-hidden": "true"});
    parts.state = h("span", {});
    parts.unread = h("span", {class: "badge"});
    parts.bell = button("notifications", "bell", () =>
      document.querySelector(".panel.notices")?.scrollIntoView({block: "center"}));
    parts.bell.append(parts.unread);
    parts.bar = h("section", {class: "statebar", "aria-label": t("connection"), hidden: true},
      parts.barText = h("span", {}),
      h("button", {onclick: () => this.#board?.connection.reconnect()}, t("now")));
    parts.notes = h("div", {class: "notes", role: "status"});
    parts.alerts = h("div", {class: "alerts", role: "alert"});
    parts.foot = h("span", {});
    parts.version = h("a", {href: `${this.#base}/guide`}, t("version", {v: meta("rtdash-version")}));
    const tools = this.#isWall ? [] : [parts.bell,
      parts.pause = button("pause", "pause", () => this.#pause()),
      button("theme", "theme", () => this.#nextTheme()),
      button("wall", "wall", () => { location.search = "?wall"; }),
      button("settings", "settings", () => this.#settings()), button("help", "help", () => this.#help())];
    put(this.#root, h("header", {class: "top"}, parts.heading,
      this.#venues.length > 1 && !this.#isWall ? parts.chooser : null, parts.date, parts.clock,
      h("span", {class: "state", role: "status"}, parts.dot, parts.state),
      h("span", {class: "tools"}, ...tools)),
    parts.bar, parts.alerts, parts.notes, parts.place = h("div", {class: "place"}),
    h("footer", {}, parts.foot, parts.version, h("a", {href: `${this.#base}/docs`}, t("api")),
      this.#ownToken || this.#isWall ? null
        : h("button", {onclick: () => this.#signOut()}, t("signOut"))));
  }

  /** @param {any} venue */
  #open(venue) {
    this.#board?.close();
    this.#venue = venue;
    settings.set("rtdash.venue", venue.id);
    document.title = `${venue.name} · rtdash`;
    this.#parts.chooser.value = venue.id;
    say(this.#parts.heading, venue.name);
    this.#parts.heading.classList.toggle("hidden", this.#venues.length > 1 && !this.#isWall);
    this.#board = new Board({
      base: this.#base, token: this.#token, venue, isWall: this.#isWall,
      onState: (connection, code) => this.#showState(connection, code),
      onNotice: (notice) => this.#notice(notice), onNote: (text) => this.#note(text),
      onUnread: (count) => this.#showUnread(count),
    });
    put(this.#parts.place, this.#board.element);
    this.#tick();
  }

  #surround() {
    setInterval(() => this.#tick(), 1_000);
    setInterval(() => this.#checkVersion(), VERSION_EVERY_MS);
    if (!this.#isWall) {
      addEventListener("keydown", (event) => this.#key(event));
      return;
    }
    if (this.#venues.length > 1) {
      setInterval(() => {
        const next = this.#venues.indexOf(this.#venue) + 1;
        this.#open(this.#venues[next % this.#venues.length]);
      }, CYCLE_MS);
    }
    const stayOn = () => navigator.wakeLock?.request("screen").catch(() => {});
    stayOn();
    document.addEventListener("visibilitychange", () => { if (!document.hidden) stayOn(); });
  }

  /** @param {import("../lib/rtdash.js").Connection} connection @param {number | null} code */
  #showState(connection, code) {
    const {state, detail} = connection;
    this.#stateAt = Date.now();
    this.#lastCode = code ?? (["connecting", "polling"].includes(state) ? this.#lastCode : null);
    document.body.dataset.state = state;
    say(this.#parts.state, t(STATES[state]));
    if (state === "live") this.#checkVersion();
    if (state === "closed" && code !== 1000) {
      if (code === 4505) return location.reload();
      return this.#gate(ENDINGS[code ?? 0] ?? "refusedTitle", detail ?? undefined);
    }
    this.#tick();
  }

  #tick() {
    const {connection} = this.#board ?? {};
    if (document.hidden || !connection) return;
    const now = Date.now() + connection.clockOffsetMs;
    const {time, weekday, dateOf} = this.#formats();
    const day = connection.store.venue(this.#venue.id).businessDate ?? dateOf(now);
    say(this.#parts.date, `${weekday(day)} (${t("businessDate")})`);
    say(this.#parts.clock, time(now));
    const age = connection.lastMessageAt === null ? null : Date.now() - connection.lastMessageAt;
    this.#showBar(connection, age);
    const facts = [age === null ? null : t("lastMessage", {age: span(age)}),
      connection.latencyMs === null ? null : t("latency", {n: number(connection.latencyMs)})];
    say(this.#parts.foot, facts.filter(Boolean).join(" · "));
    if (this.#board?.isPaused) say(this.#parts.notes, t("paused", {n: this.#board.waiting}));
  }

  #formats() {
    this.#parts.formats ??= new Map();
    const {formats: known} = this.#parts;
    if (!known.has(this.#venue.id)) known.set(this.#venue.id, formats(this.#venue));
    return known.get(this.#venue.id);
  }

  /** @param {import("../lib/rtdash.js").Connection} connection @param {number | null} age */
  #showBar({state, detail, retryInMs}, age) {
    const {bar, barText} = this.#parts;
    // A short interruption is not worth a jump of the page.
    const isShown = state !== "live" && state !== "replaying"
      && (age !== null || Date.now() - this.#stateAt > 1_000 || detail !== null);
    bar.hidden = !isShown;
    if (!isShown) return;
    const wait = retryInMs === null ? null : Math.max(0, retryInMs - (Date.now() - this.#stateAt));
    say(barText, [
      this.#lastCode === TOO_MANY ? `${t("tooManyTitle")}: ${t("tooMany")}` : t(STATES[state]),
      state === "polling" ? t("pollingNote") : null, this.#lastCode === TOO_MANY ? null : detail,
      age === null ? null : t("age", {age: span(age)}),
      wait === null ? null : t("nextAttempt", {s: span(wait)}),
    ].filter(Boolean).join(" · "));
  }

  /** @param {any} notice */
  #notice(notice) {
    if (notice.level !== "critical") return;
    this.#critical.push(notice);
    if (!this.#criticalTimer) this.#sayCritical();
    this.#beep();
    if (settings.get("rtdash.desktop") === "on" && Notification.permission === "granted") {
      new Notification(notice.title, {body: notice.body, tag: `rtdash-${notice.seq}`});
    }
  }

  /** Summed up, and at most one in five seconds: a reader of the screen must be able to follow. */
  #sayCritical() {
    const [first, ...more] = this.#critical.splice(0);
    if (!first) {
      this.#criticalTimer = 0;
      return;
    }
    const text = more.length ? t("moreCritical", {n: more.length + 1})
      : this.#isWall ? first.title : `${first.title}: ${first.body}`;
    put(this.#parts.alerts, h("p", {}, h("b", {}, `${t("critical")}: `), h("bdi", {}, text),
      h("button", {class: "icon", "aria-label": t("close"), onclick: () => put(this.#parts.alerts)},
        icon("close"))));
    this.#criticalTimer = window.setTimeout(() => this.#sayCritical(), CRITICAL_EVERY_MS);
  }

  #beep() {
    const audio = this.#sound;
    if (!audio) return;
    const [tone, loudness] = [audio.createOscillator(), audio.createGain()];
    tone.connect(loudness).connect(audio.destination);
    loudness.gain.setValueAtTime(0.15, audio.currentTime);
    loudness.gain.exponentialRampToValueAtTime(0.001, audio.currentTime + 0.5);
    tone.start();
    tone.stop(audio.currentTime + 0.5);
  }

  /** @param {number} count */
  #showUnread(count) {
    say(this.#parts.unread, count ? number(count) : "");
    this.#parts.bell.setAttribute("aria-label", t("unread", {n: count}));
  }

  /** @param {string} text */
  #note(text) {
    put(this.#parts.notes, text);
    setTimeout(() => { if (this.#parts.notes.textContent === text) put(this.#parts.notes); }, 8_000);
  }

  async #checkVersion() {
    const response = await fetch(`${this.#base}/page/build.json`, {cache: "no-store"}).catch(() => null);
    const build = response?.ok ? (await response.json().catch(() => null))?.build : null;
    if (!build || build === meta("rtdash-build")) return;
    if (this.#isWall) {
      // Once a build: behind a cache, or between two servers, the page may come back as it was.
      if (settings.get("rtdash.build") === build) return;
      settings.set("rtdash.build", build);
      location.reload();
    } else put(this.#parts.notes, t("newVersion"), " ",
      h("button", {onclick: () => location.reload()}, t("reload")));
  }

  #pause() {
    if (!this.#board) return;
    this.#board.pause(!this.#board.isPaused);
    const {isPaused} = this.#board;
    this.#parts.pause.setAttribute("aria-pressed", String(isPaused));
    put(this.#parts.pause, icon(isPaused ? "play" : "pause"));
    if (isPaused) this.#tick();
    else put(this.#parts.notes);
    document.body.classList.toggle("paused", isPaused);
  }

  /** @param {string} theme */
  #setTheme(theme) {
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    settings.set("rtdash.theme", theme);
  }

  #nextTheme() {
    const next = THEMES[(THEMES.indexOf(settings.get("rtdash.theme") ?? "system") + 1) % THEMES.length];
    this.#setTheme(next ?? "system");
    this.#note(`${t("theme")}: ${t(next ?? "system")}`);
  }

  #settings() {
    const choice = h("select", {id: "language", onchange: () => {
      settings.set("rtdash.language", choice.value);
      location.reload();
    }}, ...LANGUAGES.map((tag) => h("option", {value: tag, selected: tag === language},
      new Intl.DisplayNames([tag], {type: "language"}).of(tag) ?? tag)));
    /** @type {(id: string, isOn: boolean, act: (box: any) => void) => Element} */
    const toggle = (id, isOn, act) =>
      h("label", {class: "check"}, h("input", {type: "checkbox", id, checked: isOn,
        onchange: (/** @type {any} */ event) => act(event.target)}), t(id));
    showDialog(t("settings"), h("div", {class: "form"},
      h("label", {for: "language"}, t("language")), choice,
      toggle("sound", this.#sound !== null, (box) => {
        this.#sound = box.checked ? new AudioContext() : null;
        this.#beep();
      }),
      toggle("desktop", settings.get("rtdash.desktop") === "on", async (box) => {
        const isOn = box.checked && await Notification.requestPermission() === "granted";
        box.checked = isOn;
        settings.set("rtdash.desktop", isOn ? "on" : null);
      })));
  }

  #help() {
    const keys = [["/", "keySearch"], ["p", "keyPause"], ["t", "keyTheme"], ["?", "keyHelp"]];
    showDialog(t("help"), h("dl", {class: "keys"}, ...keys.map(([key, word]) => h("div", {},
      h("dt", {}, h("kbd", {}, key ?? "")), h("dd", {}, t(word ?? ""))))));
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const target = /** @type {Element} */ (event.target);
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")
      || target.matches?.("input, select, textarea")) return;
    const act = {"/": () => document.getElementById("search")?.focus(), p: () => this.#pause(),
      t: () => this.#nextTheme(), "?": () => this.#help()}[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  async #signOut() {
    this.#board?.close();
    this.#board = null;
    await this.#signIn.signOut();
    this.#gate("noTokenTitle");
  }
}

/** @param {string} name */
const meta = (name) =>
  /** @type {HTMLMetaElement | null} */ (document.querySelector(`meta[name=${name}]`))?.content ?? "";

const app = document.getElementById("app");
if (app && meta("rtdash-build")) mount(app);
