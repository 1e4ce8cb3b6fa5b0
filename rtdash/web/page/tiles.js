/** The figures: four tiles with their trend, movements of the day, rooms of the night. */
import {sparkline} from "./charts.js";
import {h, put, say} from "./dom.js";
import {UNKNOWN, number, percent, t} from "./words.js";

/** @typedef {import("../lib/messages.js").Stats} Stats */
/** @typedef {import("../lib/messages.js").Availability} Availability */
/** @typedef {ReturnType<typeof import("./words.js").formats>} Formats */

/** Points that a tile's line keeps. */
const KEPT = 30;

/** Name, field and trend of each tile. @type {[string, keyof Stats, keyof Stats][]} */
const TILES = [
  ["reservations", "reservationsToday", "reservationsTrend"],
  ["prepaid", "prepaidReservations", "prepaidTrend"],
  ["guests", "expectedGuests", "guestsTrend"],
  ["pending", "pendingPayments", "pendingPaymentsTrend"],
];

export class Tiles {
  /** @type {Map<string, {value: Element, trend: any, spark: Element, line: string}>} */
  #parts = new Map();
  /** @type {Map<string, number[]>} What each figure was since the page was opened. */
  #history = new Map();
  #formats;

  /** @param {Element} root @param {Formats} formats
   *  @param {{isPrivate: boolean, onOpen: (name: string) => void}} options */
  constructor(root, formats, {isPrivate, onOpen}) {
    this.#formats = formats;
    for (const [name] of TILES) {
      if (isPrivate && name === "pending") continue;
      const value = h("span", {class: "value", id: `value-${name}`}, UNKNOWN);
      const trend = h("span", {class: "trend"});
      const spark = h("span", {class: "sparks"});
      const content = [h("span", {class: "label"}, t(name)), value, trend, spark];
      root.append(isPrivate ? h("div", {class: "tile"}, ...content)
        : h("button", {class: "tile", onclick: () => onOpen(name)}, ...content));
      this.#parts.set(name, {value, trend, spark, line: ""});
    }
  }

  /** @param {Stats | null} stats @param {{reservations: number, guests: number}[] | null} days */
  render(stats, days) {
    for (const [name, field, trend] of TILES) {
      const part = this.#parts.get(name);
      if (!part) continue;
      const value = stats?.[field];
      say(part.value, name === "pending" ? this.#formats.money(value) : number(value));
      if (stats) showTrend(part.trend, stats[trend]);
      const line = this.#line(name, value, days);
      if (line.join() !== part.line) {
        part.line = line.join();
        put(part.spark, sparkline(line));
      }
    }
  }

  /** By day where the reports have the figure, else as it went since the page was opened.
   *  @param {string} name @param {number | null | undefined} value
   *  @param {{reservations: number, guests: number}[] | null} days */
  #line(name, value, days) {
    const kept = this.#history.get(name) ?? [];
    if (typeof value === "number" && kept.at(-1) !== value) {
      this.#history.set(name, [...kept, value].slice(-KEPT));
    }
    if (days && (name === "reservations" || name === "guests")) {
      return days.map((day) => day[name]);
    }
    return this.#history.get(name) ?? [];
  }
}

/** @param {any} element @param {number | null} trend */
function showTrend(element, trend) {
  if (trend === null) {
    say(element, UNKNOWN);
    element.title = t("noComparison");
    return;
  }
  say(element, `${trend > 0 ? "▲" : trend < 0 ? "▼" : "="} ${percent(Math.abs(trend) / 100)}`);
  element.title = t("lastWeek");
  element.dataset.way = trend > 0 ? "up" : trend < 0 ? "down" : "same";
}

/** A hotel's arrivals, departures and guests in house; a restaurant's tables and covers.
 *  @param {Element} panel @param {any} day @param {boolean} isHotel */
export function showMovements(panel, day, isHotel) {
  const known = day ?? {};
  const facts = isHotel ? [
    fact("arrivals", known.arrivals?.arrived, known.arrivals?.expected),
    fact("departures", known.departures?.departed, known.departures?.expected),
    fact("inHouse", known.inHouse, undefined,
      day ? t("guestsInHouse", {n: number(known.guestsInHouse)}) : ""),
  ] : [
    fact("seated", known.parties?.seated, known.parties?.expected),
    fact("completed", known.parties?.completed),
    fact("guests", known.guests?.expected),
  ];
  put(panel, h("dl", {class: "facts"}, ...facts, fact("bookedToday", known.bookedToday),
    fact("cancelledToday", known.cancelledToday)));
}

/** @param {string} name @param {number | undefined} value
 *  @param {number | undefined} [total] of which `value` is a part @param {string} [note] */
function fact(name, value, total, note = "") {
  const isPart = value !== undefined && total !== undefined;
  return h("div", {}, h("dt", {}, t(name)), h("dd", {}, number(value),
    isPart ? h("small", {}, ` / ${number(total)}`) : null,
    note ? h("small", {}, ` ${note}`) : null,
    isPart ? meter(value, total, t(name)) : null));
}

/** @param {Element} panel @param {Availability | null} tonight @param {Formats} formats
 *  @param {{roomType: string, totalRooms: number, availableRooms: number}[] | null} types */
export function showRooms(panel, tonight, formats, types) {
  if (!tonight) return put(panel, h("p", {class: "empty"}, UNKNOWN));
  const {totalRooms: total, availableRooms: free} = tonight;
  const text = free < 0 ? t("overbooked", {n: number(-free)})
    : t("free", {free: number(free), total: number(total)});
  put(panel, h("p", {class: "headline"}, h("b", {}, percent(tonight.occupancyRate / 100)), ` ${text}`),
    meter(total - free, total, t("tonight")),
    types && h("ul", {class: "types"}, ...types.map((type) => h("li", {},
      h("span", {}, formats.room(type.roomType)),
      meter(type.totalRooms - type.availableRooms, type.totalRooms, formats.room(type.roomType)),
      h("span", {class: "value"}, `${number(type.availableRooms)} / ${number(type.totalRooms)}`)))));
}

/** @param {number} value @param {number} total @param {string} label */
function meter(value, total, label) {
  const part = total ? Math.max(0, Math.min(1, value / total)) : 0;
  const fill = h("span", {class: "fill"});
  fill.style.setProperty("--part", String(part));
  return h("span", {class: "meter", role: "meter", "aria-label": label, "aria-valuemin": 0,
    "aria-valuemax": total, "aria-valuenow": Math.max(0, Math.min(total, value)),
    "aria-valuetext": percent(total ? value / total : 0)}, fill);
}
