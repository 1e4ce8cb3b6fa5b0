/** The lists: live reservations, upcoming ones, notifications. Keyed rows, changed in place. */
import {h, icon, put, reconcile, say} from "./dom.js";
import {UNKNOWN, number, span, t} from "./words.js";

/** @typedef {import("../lib/messages.js").Reservation} Reservation */
/** @typedef {import("../lib/messages.js").Notification} Notice */
/** @typedef {ReturnType<typeof import("./words.js").formats>} Formats */
/** @typedef {{formats: Formats, isPrivate: boolean, now: () => number}} Context
 *   `isPrivate`: initials in place of names, no money */

const SHOWN = 50;
const FRESH_MS = 2_000;
const FADE_EVERY_MS = 250;

/** What is open for a guest to come: it stands in the list of upcoming ones. */
const EXPECTED = new Set(["Pending", "Confirmed", "Upcoming"]);
const DAY_MS = 86_400_000;
/** More than these are cut by as many as are shown. */
export const UPCOMING_KEPT = 500;

/** Text with every sign of its direction inside: a name never turns the row around.
 *  @param {string} text */
const isolated = (text) => h("bdi", {}, text);

export class ReservationList {
  /** @type {Map<string, number>} Versions shown, by id. */
  #shown = new Map();
  /** @type {Set<string>} What messages brought since it was last shown. */
  #news = new Set();
  #filter = "";
  #namesKnown = 0;
  #context;
  element = h("ol", {class: "rows", "aria-label": t("live")});
  #empty = h("p", {class: "empty"});

  /** @param {Element} panel @param {Context} context */
  constructor(panel, context) {
    this.#context = context;
    panel.append(this.element, this.#empty);
  }

  set filter(/** @type {string} */ text) { this.#filter = text.trim().toLocaleLowerCase(); }

  /** A message brought it: it is highlighted, unlike what was read from the log. @param {string} id */
  announce(id) {
    this.#news.add(id);
    if (this.#news.size > SHOWN) this.#news.delete(this.#news.values().next().value ?? "");
  }

  /** @param {Map<string, Reservation>} rows the newest last @param {boolean} isKnown whether the
   *  log was read, so that no row means that there is none */
  render(rows, isKnown) {
    const items = [];
    const newestFirst = [...rows.values()].reverse();
    for (const row of newestFirst) {
      if (this.#matches(row) && items.push(row) === SHOWN) break;
    }
    const {size} = this.#context.formats.roomNames;
    if (size !== this.#namesKnown) for (const row of this.element.children) {
      delete /** @type {HTMLElement} */ (row).dataset.version; // to be written anew, with the names
    }
    this.#namesKnown = size;
    reconcile(this.element, items, (row) => row.id, () => this.#make(),
      (element, row) => this.#update(element, row));
    this.#news.clear();
    sayEmpty(this.#empty, items.length, isKnown ? t("noReservations") : UNKNOWN);
    // What is no longer held is forgotten here, too.
    for (const id of this.#shown.keys()) if (!rows.has(id)) this.#shown.delete(id);
  }

  #matches(/** @type {Reservation} */ row) {
    if (!this.#filter) return true;
    const text = `${row.customerName} ${row.source} ${t(row.status)} ${row.id} `
      + ("roomType" in row ? this.#context.formats.room(row.roomType) : "");
    return text.toLocaleLowerCase().includes(this.#filter);
  }

  #make() {
    return h("li", {}, h("span", {class: "avatar", "aria-hidden": "true"}),
      h("span", {class: "who"}), h("span", {class: "what"}), h("span", {class: "sum"}),
      h("span", {class: "status"}));
  }

  /** @param {HTMLElement} element @param {Reservation} row */
  #update(element, row) {
    // An element that was filtered away comes back new, and empty.
    if (element.dataset.version === String(row.version)) return;
    element.dataset.version = String(row.version);
    const before = this.#shown.get(row.id);
    this.#shown.set(row.id, row.version);
    const [avatar, who, what, sum, status] = /** @type {any} */ (element.children);
    const {formats, isPrivate} = this.#context;
    say(avatar, row.customerInitials);
    put(who, isolated(isPrivate ? row.customerInitials : row.customerName));
    if (!isPrivate) who.title = row.customerName;
    say(what, describe(row, formats));
    say(sum, isPrivate ? "" : formats.money(row.amount));
    say(status, t(row.status));
    status.dataset.status = row.status;
    if (before === row.version || !this.#news.has(row.id)) return;
    highlight(element, before === undefined ? "fresh" : "changed");
  }
}

/** Highlighted rows and until when, the earliest first. @type {Map<Element, number>} */
const highlights = new Map();
let isFading = false;

/** Mark a row for two seconds. All rows share one timer, and none moves: at many events a second
 *  every row is a new one, and each animation would be computed anew in each frame.
 *  @param {Element} element @param {"fresh" | "changed"} how */
function highlight(element, how) {
  element.classList.remove("fresh", "changed");
  element.classList.add(how);
  highlights.delete(element);
  highlights.set(element, Date.now() + FRESH_MS);
  if (isFading) return;
  isFading = true;
  setTimeout(fade, FRESH_MS);
}

function fade() {
  const now = Date.now();
  for (const [element, until] of highlights) {
    if (until > now) break;
    element.classList.remove("fresh", "changed");
    highlights.delete(element);
  }
  isFading = highlights.size > 0;
  if (isFading) setTimeout(fade, FADE_EVERY_MS);
}

/** @param {HTMLElement} element @param {number} count of the rows above it @param {string} text */
function sayEmpty(element, count, text) {
  say(element, text);
  element.hidden = count > 0;
}

/** @param {number} guests */
const party = (guests) => guests === 1 ? t("oneGuest") : t("guestsCount", {n: number(guests)});

/** @param {Reservation} row @param {Formats} formats */
function describe(row, formats) {
  const parts = [party(row.guests)];
  if (row.kind === "hotel") {
    parts.push(formats.room(row.roomType), `${formats.day(row.checkIn)} – ${formats.day(row.checkOut)}`);
  } else {
    parts.push(`${formats.day(formats.dateOf(row.date))}, ${formats.time(row.date)}`);
  }
  return [...parts, row.source].join(" · ");
}

/** The reservations that are expected in the next 24 hours: read now and then, since time alone
 *  brings new ones, and kept up to date by events between. */
export class Upcoming {
  /** @type {Map<string, Reservation>} */
  #rows = new Map();
  /** Up to this start every reservation is known. */
  #horizon = Infinity;
  isKnown = false;
  /** @type {Map<string, Reservation> | null} What events said while a list is on its way. */
  #meanwhile = null;

  /** A list is on its way: it may be older than the events that come before it. False: it won't
   *  come. @param {boolean} isExpected */
  expect(isExpected) { this.#meanwhile = isExpected ? new Map() : null; }

  /** @param {Reservation[]} rows as the server lists them, the soonest first
   *  @param {boolean} isWhole whether no others follow @param {number} now */
  load(rows, isWhole, now) {
    this.isKnown = true;
    this.#rows = new Map(rows.map((row) => [row.id, row]));
    this.#horizon = isWhole ? Infinity : Date.parse(rows.at(-1)?.date ?? "");
    const meanwhile = this.#meanwhile?.values() ?? [];
    this.#meanwhile = null;
    for (const row of meanwhile) this.apply(row, now);
  }

  /** @param {Reservation} row @param {number} now @returns {boolean} whether the list changed */
  apply(row, now) {
    this.#meanwhile?.set(row.id, row);
    const known = this.#rows.get(row.id);
    if (known && known.version >= row.version) return false;
    const starts = Date.parse(row.date);
    if (!EXPECTED.has(row.status) || starts < now || starts >= now + DAY_MS || starts > this.#horizon) {
      return this.#rows.delete(row.id);
    }
    this.#rows.set(row.id, row);
    if (this.#rows.size > UPCOMING_KEPT) this.#cut();
    return true;
  }

  #cut() {
    const kept = this.#sorted().slice(0, UPCOMING_KEPT - SHOWN);
    this.#rows = new Map(kept.map((row) => [row.id, row]));
    this.#horizon = Date.parse(kept.at(-1)?.date ?? "");
  }

  #sorted() {
    return [...this.#rows.values()]
      .sort((a, b) => a.date < b.date ? -1 : a.date > b.date ? 1 : a.id < b.id ? -1 : 1);
  }

  /** Soonest first. @param {number} now */
  list(now) {
    for (const [id, row] of this.#rows) if (Date.parse(row.date) < now) this.#rows.delete(id);
    return this.#sorted();
  }
}

export class UpcomingList {
  element = h("ol", {class: "rows upcoming", "aria-label": t("upcoming")});
  #empty = h("p", {class: "empty"});
  #context;

  /** @param {Element} panel @param {Context} context */
  constructor(panel, context) {
    this.#context = context;
    panel.append(this.element, this.#empty);
  }

  /** @param {Reservation[]} rows @param {boolean} isKnown whether the list was read */
  render(rows, isKnown) {
    reconcile(this.element, rows.slice(0, SHOWN), (row) => row.id,
      () => h("li", {}, h("time", {}), h("span", {class: "who"}), h("span", {class: "what"})),
      (element, row) => this.#update(element, row));
    sayEmpty(this.#empty, rows.length, isKnown ? t("noUpcoming") : UNKNOWN);
  }

  /** @param {HTMLElement} element @param {Reservation} row */
  #update(element, row) {
    const {formats, isPrivate, now} = this.#context;
    const [time, who, what] = /** @type {any} */ (element.children);
    if (element.dataset.version !== String(row.version)) {
      element.dataset.version = String(row.version);
      say(time, formats.time(row.date));
      time.dateTime = row.date;
      put(who, isolated(isPrivate ? row.customerInitials : row.customerName));
    }
    const wait = t("in", {time: span(Math.max(0, Date.parse(row.date) - now()))});
    say(what, `${party(row.guests)} · ${wait}`);
  }
}

export class NoticeList {
  element = h("ol", {class: "notices", "aria-label": t("notifications")});
  #empty = h("p", {class: "empty"});
  #context;

  /** @param {Element} panel @param {Context} context */
  constructor(panel, context) {
    this.#context = context;
    panel.append(this.element, this.#empty);
  }

  /** @param {Notice[]} notices @param {number} readSeq up to where they were read
   *  @param {boolean} isKnown whether the log was read */
  render(notices, readSeq, isKnown) {
    const {formats, isPrivate} = this.#context;
    reconcile(this.element, notices.slice(0, SHOWN), (notice) => String(notice.seq),
      (notice) => h("li", {"data-level": notice.level},
        h("span", {class: "level"}, t(notice.level)),
        h("b", {}, isolated(notice.title)),
        // A wall shows no names, and the body may hold one.
        isPrivate ? null : h("span", {class: "body"}, isolated(notice.body)),
        h("time", {datetime: notice.timestamp}, formats.time(notice.timestamp))),
      (element, notice) => element.classList.toggle("unread", notice.seq > readSeq));
    sayEmpty(this.#empty, notices.length, isKnown ? t("noNotices") : UNKNOWN);
  }
}

/** A table of reservations in a dialog, behind a tile. @param {string} title
 *  @param {Reservation[]} rows @param {Formats} formats */
export function reservationDialog(title, rows, formats) {
  const body = rows.map((row) => h("tr", {},
    h("th", {scope: "row"}, isolated(row.customerName)),
    h("td", {}, formats.time(row.date)), h("td", {}, number(row.guests)),
    h("td", {}, t(row.status)), h("td", {}, formats.money(row.amount)),
    h("td", {}, formats.money(row.balance))));
  const heads = ["name", "time", "persons", "status", "amount", "balance"];
  return showDialog(title, rows.length
    ? h("div", {class: "scroll", tabindex: 0, role: "region", "aria-label": title}, h("table", {},
      h("thead", {}, h("tr", {}, ...heads.map((name) => h("th", {scope: "col"}, t(name))))),
      h("tbody", {}, ...body)))
    : h("p", {class: "empty"}, t("emptyDay")));
}

/** @param {string} title @param {...Node} content @returns {HTMLDialogElement} */
export function showDialog(title, ...content) {
  const dialog = h("dialog", {"aria-labelledby": "dialog-title", onclose: () => dialog.remove()},
    h("header", {}, h("h2", {id: "dialog-title"}, title),
      h("button", {onclick: () => dialog.close(), "aria-label": t("close"), class: "icon"}, icon("close"))),
    ...content);
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}
