/**
 * The dashboard of one venue: subscribes first, reads the lists by REST, merges by version, and
 * renders what changed once a frame. It reads again after a reset.
 */
import {connect} from "../lib/rtdash.js";
import {bars, columns, entry, nightStrip, showChart, split, tableOf} from "./charts.js";
import {h, put, settings} from "./dom.js";
import {NoticeList, ReservationList, UPCOMING_KEPT, Upcoming, UpcomingList, reservationDialog}
  from "./lists.js";
import {Tiles, showMovements, showRooms} from "./tiles.js";
import {UNKNOWN, formats, number, percent, t} from "./words.js";

/** @typedef {{id: string, name: string, kind: string, timezone: string, currency: string}} VenueInfo */
/** @typedef {{base: string, token: () => Promise<string>, venue: VenueInfo, isWall: boolean,
 *   onState: (connection: import("../lib/rtdash.js").Connection, code: number | null) => void,
 *   onNotice: (notice: any) => void, onNote: (text: string) => void,
 *   onUnread: (count: number) => void}} Options */

const REPORTS_EVERY_MS = 5_000;
const REFRESH_MS = 60_000;
const RECENT = 60;
const NIGHTS = 14;
const MOST_FAULTS = 50;
/** Upcoming reservations of a round of polling. */
const POLLED = 50;

export class Board {
  element = h("main", {class: "board"});
  isPaused = false;
  waiting = 0;
  #period = "weekly";
  #ended = new AbortController();
  #dirty = new Set();
  #frame = 0;
  #reportsAt = 0;
  #isReading = false;
  #reportsDue = false;
  /** The business date from which the nights were read. */
  #reportsDay = "";
  #needsLoad = true;
  #isLoaded = false;
  #hasPolled = false;
  /** @type {Set<string>} */
  #reported = new Set();
  /** @type {Map<string, {etag: string, body: any}>} */
  #known = new Map();
  /** @type {Record<string, any>} */
  #reports = {};
  #upcoming = new Upcoming();
  #upcomingLoad = Promise.resolve();
  #readSeq;
  #options; #formats; #isHotel; #reservations; #notifications; #tiles; #list; #upcomingList;
  #notices; #panels;

  /** @param {Options} options */
  constructor(options) {
    this.#options = options;
    const {venue, isWall, base} = options;
    this.#isHotel = venue.kind === "hotel";
    this.#reservations = `${venue.kind}_reservations`;
    this.#notifications = `${venue.kind}_notifications`;
    this.#formats = formats(venue);
    this.#readSeq = Number(settings.get(`rtdash.read.${venue.id}`) ?? 0);
    const tiles = h("section", {class: "tiles", "aria-label": t("reservations")});
    this.#tiles = new Tiles(tiles, this.#formats, {
      isPrivate: isWall, onOpen: (name) => this.#openList(name),
    });
    this.#panels = this.#layOut(tiles);
    const context = {formats: this.#formats, isPrivate: isWall, now: () => this.#now()};
    this.#list = new ReservationList(this.#panels.live, context);
    this.#upcomingList = new UpcomingList(this.#panels.upcoming, context);
    this.#notices = new NoticeList(this.#panels.notices, context);
    this.connection = connect(base || "/", [`${venue.kind}_stats`, this.#reservations,
      this.#notifications], {token: options.token, venue: venue.id, hidden: isWall ? "stay" : "leave"});
    this.#follow();
  }

  /** End it, and everything it has begun. */
  close() {
    this.#ended.abort();
    cancelAnimationFrame(this.#frame);
    this.connection.close();
    this.element.remove();
  }

  get #venue() { return this.connection.store.venue(this.#options.venue.id); }

  #now() { return Date.now() + this.connection.clockOffsetMs; }

  /** @param {Element} tiles */
  #layOut(tiles) {
    const {isWall} = this.#options;
    /** @type {Record<string, any>} */
    const panels = {};
    const panel = (/** @type {string} */ name, /** @type {string} */ title, tools = null) => {
      // What scrolls must be reachable by the keyboard.
      const scrolls = ["live", "upcoming", "notices"].includes(name)
        && {tabindex: 0, role: "group", "aria-labelledby": `title-${name}`};
      panels[name] = h("div", {class: "content", ...scrolls});
      return h("section", {class: `panel ${name}`, "aria-labelledby": `title-${name}`},
        h("header", {}, h("h2", {id: `title-${name}`}, t(title)), tools), panels[name]);
    };
    const search = h("input", {type: "search", id: "search", placeholder: t("search"),
      "aria-label": t("searchReservations"), oninput: () => {
        this.#list.filter = search.value;
        this.mark("live");
      }});
    const periods = h("div", {class: "segments", role: "group", "aria-label": t("trends")},
      ...[["weekly", 7], ["monthly", 30]].map(([period, n]) => h("button", {
        "aria-pressed": String(period === this.#period), "data-period": period,
        onclick: (/** @type {any} */ event) => this.#choosePeriod(event.currentTarget),
      }, t("days", {n: /** @type {number} */ (n)}))));
    const markRead = h("button", {onclick: () => this.markRead()}, t("markRead"));
    put(this.element, tiles,
      panel("movements", "today"),
      this.#isHotel ? panel("rooms", "tonight") : panel("covers", "covers"),
      panel("live", "live", isWall ? null : search), panel("upcoming", "upcoming"),
      panel("trends", "trends", isWall ? null : periods), panel("sources", "sources"),
      isWall ? null : panel("revenue", "revenue"), panel("frequency", "frequency"),
      panel("notices", "notifications", isWall ? null : markRead),
      this.#isHotel ? panel("nights", "nights") : null);
    return panels;
  }

  #follow() {
    const {connection} = this;
    const {signal} = this.#ended;
    connection.on("connection", (change) => {
      this.#options.onState(connection, change.code);
      this.#loadIfPlaced();
    });
    connection.on("message", (body) => this.#take(body));
    document.addEventListener("visibilitychange", () => this.#schedule(), {signal});
    const clock = setInterval(() => this.#tick(), 1_000);
    const refresh = setInterval(() => {
      this.#refreshReports();
      if (!document.hidden) this.#loadUpcoming().catch(() => { /* what was read before stays */ });
    }, REFRESH_MS);
    signal.addEventListener("abort", () => {
      clearInterval(clock);
      clearInterval(refresh);
    });
    for (const name of ["tiles", "live", "upcoming", "notices", "reports"]) this.mark(name);
  }

  /** @param {any} body */
  #take(body) {
    if (this.isPaused) this.waiting += 1;
    if (body.reservation && body.type !== "upcoming_reservation") {
      if (this.#upcoming.apply(body.reservation, this.#now())) this.mark("upcoming");
      this.#list.announce(body.reservation.id);
      this.mark("live");
      this.#refreshReports();
    } else if (body.type === "upcoming_reservations") {
      this.#upcoming.load(body.reservations, body.reservations.length < POLLED, this.#now());
      this.mark("upcoming");
      this.#hasPolled = true; // the last of a round
      this.#loadIfPlaced();
    } else if (body.type === "notification") {
      this.mark("notices");
      this.#options.onNotice(body);
    } else if (body.type === "reset") {
      this.#load();
      this.#options.onNote(t("reloaded"));
    } else {
      this.mark("tiles");
      const {businessDate} = this.#venue;
      if (businessDate && businessDate !== this.#reportsDay) { // it was guessed, or has turned
        this.#reportsAt = 0;
        this.#refreshReports();
      }
    }
  }

  /** Something is to be rendered with the next frame. @param {string} name */
  mark(name) {
    this.#dirty.add(name);
    this.#schedule();
  }

  #schedule() {
    if (this.#frame || document.hidden || this.isPaused || !this.#dirty.size) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      const names = [...this.#dirty];
      this.#dirty.clear();
      // A fault in one panel must not stop the others, nor the feed.
      for (const name of names) try { this.#render(name); } catch (error) { this.#report(name, error); }
    });
  }

  /** A panel that fails says so once, not with every frame. @param {string} name
   *  @param {unknown} error */
  #report(name, error) {
    const key = `${name}: ${error}`;
    if (this.#reported.has(key) || this.#reported.size >= MOST_FAULTS) return;
    this.#reported.add(key);
    console.error(error);
  }

  /** @param {string} name */
  #render(name) {
    const venue = this.#venue;
    switch (name) {
      case "tiles":
        this.#tiles.render(venue.stats, this.#reports.trends?.points ?? null);
        if (this.#isHotel) {
          showRooms(this.#panels.rooms, venue.availability, this.#formats,
            this.#reports.availability?.days[0]?.byRoomType ?? null);
        }
        return;
      case "live": return this.#list.render(venue.rows, this.#isLoaded);
      case "upcoming":
        return this.#upcomingList.render(this.#upcoming.list(this.#now()), this.#upcoming.isKnown);
      case "notices":
        this.#notices.render(venue.notices, this.#readSeq, this.#isLoaded);
        return this.#options.onUnread(this.#unread());
      case "reports": return this.#renderReports();
    }
  }

  #unread() { return this.#venue.notices.filter((one) => one.seq > this.#readSeq).length; }

  markRead() {
    this.#readSeq = Math.max(this.#readSeq, ...this.#venue.notices.map((one) => one.seq));
    settings.set(`rtdash.read.${this.#options.venue.id}`, String(this.#readSeq));
    this.mark("notices");
  }

  /** Stop rendering, or go on. The messages are taken in meanwhile. @param {boolean} isPaused */
  pause(isPaused) {
    this.isPaused = isPaused;
    this.waiting = 0;
    this.#schedule();
  }

  #tick() {
    if (document.hidden || this.isPaused) return;
    if (this.#reportsDue) this.#refreshReports();
    this.mark("upcoming");
  }

  /** Subscribed first, or polled once, then the lists: nothing can fall between. */
  #loadIfPlaced() {
    const {state} = this.connection;
    const isPlaced = state === "live" || state === "replaying" || state === "polling" && this.#hasPolled;
    if (isPlaced && this.#needsLoad) this.#load();
  }

  async #load() {
    this.#needsLoad = false;
    const loads = [this.#loadRecent(), this.#loadUpcoming(), this.#loadRoomNames()];
    this.#reportsAt = 0;
    this.#refreshReports();
    const failed = (await Promise.allSettled(loads)).find((one) => one.status === "rejected");
    if (failed) {
      this.#needsLoad = true; // the next time that the connection is live
      this.#options.onNote(t("someFailed", {why: String(failed.reason?.message ?? failed.reason)}));
    }
    for (const name of ["tiles", "live", "upcoming", "notices"]) this.mark(name);
  }

  async #loadRoomNames() {
    if (!this.#isHotel) return;
    const {roomTypes} = await this.#get("/api/hotel/room-types");
    for (const {id, name} of roomTypes) this.#formats.roomNames.set(id, name);
  }

  async #loadRecent() {
    const [reservations, notifications] = await Promise.all(
      [this.#reservations, this.#notifications].map((channel) => this.#recent(channel)));
    this.#venue.seed(
      (reservations ?? []).map((event) => event.reservation),
      (notifications ?? []).filter((event) => event.type === "notification"));
    this.#isLoaded = true;
  }

  /** The latest events of a channel that the log still holds. @param {string} channel
   *  @returns {Promise<any[]>} */
  async #recent(channel) {
    const path = `/api/channels/${channel}/events?limit=`;
    const at = this.connection.positions[this.#options.venue.id]?.[channel]
      ?? (await this.#get(`${path}1`)).position;
    if (at.seq === 0) return [];
    const after = Math.max(0, at.seq - RECENT);
    const page = await this.#get(`${path}${RECENT}&after=${after}`
      + `&epoch=${encodeURIComponent(at.epoch)}`);
    return page.events;
  }

  /** One after the other. @returns {Promise<void>} */
  #loadUpcoming() {
    const load = async () => {
      this.#upcoming.expect(true);
      const {reservations, next} = await this.#get(
        `/api/reservations/upcoming?withinMinutes=1440&limit=${UPCOMING_KEPT}`);
      this.#upcoming.load(reservations, next === null, this.#now());
      this.mark("upcoming");
    };
    this.#upcomingLoad = this.#upcomingLoad.catch(() => {}).then(load);
    this.#upcomingLoad.catch(() => this.#upcoming.expect(false));
    return this.#upcomingLoad;
  }

  /** At most every five seconds, and only what has changed. */
  async #refreshReports() {
    this.#reportsDue = true;
    if (this.#isReading || document.hidden || Date.now() < this.#reportsAt + REPORTS_EVERY_MS) return;
    this.#isReading = true;
    this.#reportsDue = false;
    this.#reportsAt = Date.now();
    const period = `period=${this.#period}`;
    const today = this.#venue.businessDate ?? this.#formats.dateOf(this.#now());
    this.#reportsDay = today;
    const until = new Date(Date.parse(today) + NIGHTS * 86_400_000).toISOString().slice(0, 10);
    const paths = {
      trends: `/api/dashboard/trends?${period}`,
      sources: `/api/dashboard/reservations/sources?${period}`,
      revenue: `/api/dashboard/revenue/by-category?${period}`,
      frequency: `/api/dashboard/customers/frequency?${period}`,
      ...this.#isHotel ? {
        movements: "/api/hotel/movements",
        availability: `/api/hotel/rooms/availability?startDate=${today}&endDate=${until}`,
      } : {movements: "/api/restaurant/covers"},
    };
    await Promise.all(Object.entries(paths).map(async ([name, path]) => {
      try {
        this.#reports[name] = await this.#get(path);
      } catch { /* what was read before stays; the state of the connection says why */ }
    }));
    this.#isReading = false;
    this.mark("reports");
    this.mark("tiles");
  }

  /** @param {string} path @returns {Promise<any>} */
  async #get(path) {
    const known = this.#known.get(path);
    const separator = path.includes("?") ? "&" : "?";
    const response = await fetch(
      `${this.#options.base}${path}${separator}venue=${encodeURIComponent(this.#options.venue.id)}`, {
        headers: {Authorization: `Bearer ${await this.#options.token()}`,
          ...known ? {"If-None-Match": known.etag} : {}},
        cache: "no-store", credentials: "omit",
        signal: AbortSignal.any([this.#ended.signal, AbortSignal.timeout(15_000)]),
      });
    if (response.status === 304 && known) return known.body;
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    const body = await response.json();
    const etag = response.headers.get("ETag");
    // One entry a kind of report: yesterday's are not kept.
    if (etag && !path.startsWith("/api/channels")) this.#known.set(path, {etag, body});
    if (this.#known.size > 32) this.#known.delete(this.#known.keys().next().value ?? "");
    return body;
  }

  /** @param {any} button */
  #choosePeriod(button) {
    this.#period = button.dataset.period;
    for (const one of button.parentElement.children) {
      one.setAttribute("aria-pressed", String(one === button));
    }
    this.#reportsAt = 0;
    this.#refreshReports();
  }

  #renderReports() {
    const {trends, sources, revenue, frequency, movements, availability} = this.#reports;
    showMovements(this.#panels.movements, movements, this.#isHotel);
    if (!this.#isHotel) showCovers(this.#panels.covers, movements?.slots);
    for (const name of ["trends", "sources", "revenue", "frequency", "nights"]) {
      const panel = this.#panels[name];
      if (panel && !panel.hasChildNodes()) showChart(panel, UNKNOWN);
    }
    if (trends) this.#showTrends(trends.points);
    if (sources) {
      showShares(this.#panels.sources, t("sources"), sources.sources.map(
        (/** @type {any} */ one) => ({name: one.source, value: one.share, text: number(one.reservations)})));
    }
    if (revenue && this.#panels.revenue) {
      showShares(this.#panels.revenue, t("revenue"), revenue.categories.map((/** @type {any} */ one) =>
        ({name: one.category, value: one.share, text: this.#formats.money(one.revenue)})));
    }
    if (frequency) showFrequency(this.#panels.frequency, frequency);
    if (availability && this.#panels.nights) {
      showChart(this.#panels.nights, nightStrip(availability.days.map((/** @type {any} */ day) => ({
        label: this.#formats.weekday(day.date), sold: day.totalRooms - day.availableRooms,
        total: day.totalRooms,
      }))));
    }
  }

  /** @param {any[]} points */
  #showTrends(points) {
    if (!points.some((day) => day.reservations || day.revenue)) {
      return showChart(this.#panels.trends, t("noData"));
    }
    const {isWall} = this.#options;
    const second = isWall ? "guests" : "revenue";
    const show = isWall ? number : this.#formats.money;
    const chart = columns(points.map((day) => ({
      label: this.#formats.weekday(day.date), short: this.#formats.day(day.date),
      bar: day.reservations, line: day[second],
    })), {bar: t("reservations"), line: t(isWall ? "guests" : "income"), show});
    showChart(this.#panels.trends, chart, isWall ? null : tableOf(t("trends"),
      [t("date"), t("reservations"), t("persons"), t("cancellations"), t("income")],
      points.map((day) => [this.#formats.weekday(day.date), number(day.reservations),
        number(day.guests), number(day.cancellations), this.#formats.money(day.revenue)])));
  }

  /** @param {string} name of a tile */
  async #openList(name) {
    try {
      const {reservations} = await this.#get("/api/dashboard/reservations/today?limit=500");
      const chosen = reservations.filter((/** @type {any} */ row) =>
        name === "prepaid" ? row.prepaid : name === "pending" ? row.balance > 0 : true);
      reservationDialog(t(name), chosen, this.#formats);
    } catch (error) {
      this.#options.onNote(t("someFailed", {why: /** @type {Error} */ (error).message}));
    }
  }
}

/** @param {Element} panel @param {string} title
 *  @param {{name: string, value: number, text: string}[]} rows */
function showShares(panel, title, rows) {
  if (!rows.some((row) => row.value)) return showChart(panel, t("noData"));
  const shown = rows.map(({name, value, text}) => [name, text, percent(value > 1 ? value / 100 : value)]);
  showChart(panel, bars(rows.map((row) => ({...row, shown: row.text}))),
    tableOf(title, [t("name"), t("count"), t("share")], shown));
}

/** @param {Element} panel @param {any} frequency */
function showFrequency(panel, {newCustomers, returningCustomers, segments}) {
  if (!newCustomers && !returningCustomers) return showChart(panel, t("noData"));
  const [fresh, back] = [t("newGuests", {n: number(newCustomers)}),
    t("returningGuests", {n: number(returningCustomers)})];
  const named = (/** @type {string} */ visits) =>
    visits === "1" ? t("oneVisit") : t("visits", {n: visits.replace("-", "–")});
  const rows = segments.map((/** @type {any} */ one) =>
    ({name: named(one.visits), value: one.customers, shown: number(one.customers)}));
  showChart(panel, h("div", {},
    h("p", {class: "legend"}, entry("first", fresh), entry("rest", back)),
    split(newCustomers, returningCustomers, `${fresh}, ${back}`), bars(rows)),
  tableOf(t("frequency"), [t("visits", {n: ""}), t("count")],
    rows.map((/** @type {any} */ row) => [row.name, row.shown])));
}

/** @param {Element} panel @param {{time: string, parties: number, guests: number}[] | undefined} slots */
function showCovers(panel, slots) {
  if (!slots) return showChart(panel, UNKNOWN);
  const used = slots.filter((slot) => slot.guests);
  if (!used.length) return showChart(panel, t("emptyDay"));
  showChart(panel, columns(used.map(({time, guests}) => ({label: time, short: time, bar: guests})),
    {bar: t("persons")}), tableOf(t("covers"), [t("time"), t("persons")],
    used.map(({time, guests}) => [time, number(guests)])));
}

