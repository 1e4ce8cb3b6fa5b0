/** Every word of the page, in each of its languages, and how figures and times are written. */
import {settings} from "./dom.js";

/** One line a word: English, German. @type {Record<string, [en: string, de: string]>} */
const WORDS = {
  reservations: ["Reservations", "Reservierungen"],
  prepaid: ["Prepaid", "Vorausbezahlt"],
  guests: ["Expected guests", "Erwartete Gäste"],
  pending: ["Pending payments", "Offene Zahlungen"],
  lastWeek: ["against last week", "zur Vorwoche"],
  noComparison: ["no comparison", "kein Vergleich"],
  arrivals: ["Arrivals", "Anreisen"],
  departures: ["Departures", "Abreisen"],
  inHouse: ["In house", "Im Haus"],
  guestsInHouse: ["{n} guests", "{n} Gäste"],
  bookedToday: ["Booked today", "Heute gebucht"],
  cancelledToday: ["Cancelled today", "Heute storniert"],
  today: ["Today", "Heute"],
  oneGuest: ["1 guest", "1 Gast"],
  guestsCount: ["{n} guests", "{n} Gäste"],
  seated: ["Seated", "Am Tisch"],
  completed: ["Completed", "Fertig"],
  covers: ["Covers by half hour", "Gedecke je halbe Stunde"],
  tonight: ["Rooms tonight", "Zimmer heute Nacht"],
  free: ["{free} of {total} free", "{free} von {total} frei"],
  overbooked: ["{n} overbooked", "{n} überbucht"],
  live: ["Live reservations", "Reservierungen live"],
  upcoming: ["Upcoming, next 24 hours", "Nächste 24 Stunden"],
  noReservations: ["No reservation yet. New ones appear here.",
    "Noch keine Reservierung. Neue erscheinen hier."],
  noUpcoming: ["Nothing in the next 24 hours.", "Nichts in den nächsten 24 Stunden."],
  noNotices: ["No notification.", "Keine Mitteilung."],
  upTo: ["up to {n}", "bis {n}"],
  noData: ["No data in this period.", "Keine Daten in diesem Zeitraum."],
  emptyDay: ["Nothing is booked for today yet.", "Für heute ist noch nichts gebucht."],
  trends: ["Trends", "Verlauf"],
  sources: ["Sources", "Herkunft"],
  revenue: ["Revenue by category", "Umsatz nach Bereich"],
  frequency: ["New and returning guests", "Neue und wiederkehrende Gäste"],
  days: ["{n} days", "{n} Tage"],
  cancellations: ["Cancellations", "Stornierungen"],
  income: ["Revenue", "Umsatz"],
  visits: ["{n} visits", "{n} Besuche"],
  oneVisit: ["1 visit", "1 Besuch"],
  newGuests: ["{n} new", "{n} neue"],
  returningGuests: ["{n} returning", "{n} wiederkehrende"],
  notifications: ["Notifications", "Mitteilungen"],
  nights: ["Next 14 nights", "Nächste 14 Nächte"],
  table: ["Show as table", "Als Tabelle"],
  date: ["Date", "Datum"],
  time: ["Time", "Zeit"],
  name: ["Name", "Name"],
  count: ["Number", "Anzahl"],
  share: ["Share", "Anteil"],
  status: ["Status", "Status"],
  amount: ["Amount", "Betrag"],
  balance: ["Open", "Offen"],
  persons: ["Guests", "Gäste"],
  markRead: ["Mark all as read", "Alle gelesen"],
  unread: ["{n} unread notifications", "{n} ungelesene Mitteilungen"],
  theme: ["Theme", "Farben"],
  light: ["Light", "Hell"],
  dark: ["Dark", "Dunkel"],
  system: ["As the system", "Wie das System"],
  wall: ["Wall display", "Wandanzeige"],
  settings: ["Settings", "Einstellungen"],
  language: ["Language", "Sprache"],
  sound: ["Sound for critical notifications", "Ton bei kritischen Mitteilungen"],
  desktop: ["Desktop notifications", "Benachrichtigungen des Systems"],
  help: ["Keyboard", "Tastatur"],
  search: ["Search", "Suchen"],
  searchReservations: ["Search reservations", "Reservierungen durchsuchen"],
  close: ["Close", "Schließen"],
  pause: ["Pause", "Anhalten"],
  paused: ["Paused: {n} changes wait", "Angehalten: {n} Änderungen warten"],
  venue: ["Venue", "Betrieb"],
  businessDate: ["business date", "Geschäftstag"],
  connection: ["Connection", "Verbindung"],
  isLive: ["Live", "Live"],
  isConnecting: ["Connecting", "Verbinde"],
  isReplaying: ["Catching up", "Hole nach"],
  isPolling: ["Polling", "Abfrage"],
  isClosed: ["Ended", "Beendet"],
  pollingNote: ["Figures every 30 s, lists every 15 s", "Zahlen alle 30 s, Listen alle 15 s"],
  age: ["data is {age} old", "Daten sind {age} alt"],
  nextAttempt: ["next attempt in {s}", "nächster Versuch in {s}"],
  now: ["Try now", "Jetzt versuchen"],
  lastMessage: ["last message {age} ago", "letzte Nachricht vor {age}"],
  latency: ["latency {n} ms", "Laufzeit {n} ms"],
  version: ["version {v}", "Version {v}"],
  newVersion: ["The server has a newer page.", "Der Server hat eine neuere Seite."],
  reload: ["Reload", "Neu laden"],
  reloaded: ["Part of the history is gone: everything was read again.",
    "Ein Teil des Verlaufs ist fort: alles wurde neu gelesen."],
  someFailed: ["Some figures could not be read: {why}", "Einiges war nicht lesbar: {why}"],
  api: ["API reference", "API-Beschreibung"],
  signOut: ["Sign out", "Abmelden"],
  signIn: ["Sign in", "Anmelden"],
  loading: ["Loading…", "Lädt…"],
  noTokenTitle: ["Sign in to the dashboard", "Am Dashboard anmelden"],
  noToken: ["On the machine of the server, run this command. It opens the page signed in.",
    "Auf dem Rechner des Servers öffnet dieser Befehl die Seite angemeldet."],
  pasteToken: ["Or paste a token", "Oder ein Token einfügen"],
  tokenHint: ["`rtdash token` prints one.", "`rtdash token` gibt eines aus."],
  expiredTitle: ["Your sign-in has expired", "Die Anmeldung ist abgelaufen"],
  revokedTitle: ["Your sign-in was revoked", "Die Anmeldung wurde widerrufen"],
  refusedTitle: ["The sign-in is not valid", "Die Anmeldung gilt nicht"],
  codeTitle: ["This sign-in link was used or has expired",
    "Dieser Anmeldelink wurde benutzt oder ist abgelaufen"],
  noVenueTitle: ["No venue for this sign-in", "Kein Betrieb für diese Anmeldung"],
  noVenue: ["The token is for no venue of this server, or has no right to read one.",
    "Das Token gilt für keinen Betrieb dieses Servers oder darf keinen lesen."],
  tooManyTitle: ["Too many open dashboards", "Zu viele offene Dashboards"],
  tooMany: ["This user has as many connections as are allowed. Close another one; this page keeps trying.",
    "Dieser Benutzer hat alle erlaubten Verbindungen offen. Eine schließen; die Seite versucht es weiter."],
  addressToken: ["A token in the address is ignored: it would stay in the history. Use `rtdash open`.",
    "Ein Token in der Adresse wird nicht benutzt: es bliebe im Verlauf. Besser: `rtdash open`."],
  unreachableTitle: ["The server cannot be reached", "Der Server ist nicht erreichbar"],
  keySearch: ["search the reservations", "Reservierungen durchsuchen"],
  keyPause: ["pause and continue", "anhalten und fortsetzen"],
  keyHelp: ["this list", "diese Liste"],
  keyTheme: ["change the theme", "Farben wechseln"],
  in: ["in {time}", "in {time}"],
  sold: ["{sold} of {total} sold", "{sold} von {total} verkauft"],
  Pending: ["Pending", "Offen"], Confirmed: ["Confirmed", "Bestätigt"],
  CheckedIn: ["Checked in", "Angereist"], CheckedOut: ["Checked out", "Abgereist"],
  Cancelled: ["Cancelled", "Storniert"], NoShow: ["No-show", "Nicht erschienen"],
  Seated: ["Seated", "Am Tisch"], Completed: ["Completed", "Fertig"],
  Upcoming: ["Upcoming", "Bevorstehend"],
  info: ["Information", "Hinweis"], warning: ["Warning", "Warnung"],
  critical: ["Critical", "Kritisch"],
  moreCritical: ["{n} critical notifications", "{n} kritische Mitteilungen"],
};
export const LANGUAGES = ["en", "de"];

const own = settings.get("rtdash.language") ?? new URLSearchParams(location.search).get("lang");
const wished = [own, ...navigator.languages].map((tag) => tag?.split("-")[0]);
/** The language of the words. */
export const language = wished.find((tag) => tag && LANGUAGES.includes(tag)) ?? "en";
const index = LANGUAGES.indexOf(language);
/** Figures and dates as the browser's user writes them, in the words' language. */
const locale = navigator.languages.find((tag) => tag.startsWith(language)) ?? language;

/** @param {string} word @param {Record<string, string | number>} [values] @returns {string} */
export function t(word, values = {}) {
  const text = WORDS[word]?.[index] ?? word;
  return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}

/** Unknown is a dash, never 0. */
export const UNKNOWN = "–";

const whole = new Intl.NumberFormat(locale, {maximumFractionDigits: 0});
/** @param {number | null | undefined} value */
export const number = (value) => typeof value === "number" ? whole.format(value) : UNKNOWN;
const share = new Intl.NumberFormat(locale, {style: "percent", maximumFractionDigits: 0});
/** @param {number} value 0 to 1 */
export const percent = (value) => share.format(value);

/** How figures and times of a venue are written: its zone, its currency.
 *  @param {{timezone: string, currency: string}} venue */
export function formats({timezone, currency}) {
  const zone = zoneOf(timezone);
  // Browsers round some currencies (IQD, HUF) to fewer digits than they have: what comes is shown.
  const money = new Intl.NumberFormat(locale, {
    style: "currency", currency, maximumFractionDigits: 4,
  });
  const round = new Intl.NumberFormat(locale, {
    style: "currency", currency, maximumFractionDigits: 0,
  });
  const clock = new Intl.DateTimeFormat(locale, {...zone, hour: "2-digit", minute: "2-digit"});
  const day = new Intl.DateTimeFormat(locale, {timeZone: "UTC", day: "numeric", month: "short"});
  const weekday = new Intl.DateTimeFormat(locale, {
    timeZone: "UTC", weekday: "short", day: "numeric", month: "short",
  });
  const local = new Intl.DateTimeFormat("en-CA", {timeZone: zone.timeZone});
  /** @type {Map<string, string>} */
  const roomNames = new Map();
  return {
    /** Names of the hotel's room types, by id: empty until they are read. */
    roomNames,
    /** @param {string} id of a room type */
    room: (id) => roomNames.get(id) ?? id,
    /** @param {number | null | undefined} value */
    money: (value) => typeof value === "number"
      ? (Number.isInteger(value) ? round : money).format(value) : UNKNOWN,
    /** @param {string | number} instant */
    time: (instant) => clock.format(new Date(instant)),
    /** @param {string} date local, YYYY-MM-DD */
    day: (date) => day.format(new Date(date)),
    /** @param {string} date local, YYYY-MM-DD */
    weekday: (date) => weekday.format(new Date(date)),
    /** The local date of an instant, YYYY-MM-DD. @param {string | number} instant */
    dateOf: (instant) => local.format(new Date(instant)),
  };
}

/** A zone that this browser does not know becomes UTC, and every time says so. @param {string} timezone
 *  @returns {{timeZone: string, timeZoneName?: "short"}} */
function zoneOf(timezone) {
  try {
    return {timeZone: new Intl.DateTimeFormat("en", {timeZone: timezone}).resolvedOptions().timeZone};
  } catch {
    return {timeZone: "UTC", timeZoneName: "short"};
  }
}

/** @type {Map<string, Intl.NumberFormat>} Making one takes longer than using it a hundred times. */
const spans = new Map();

/** A span as its largest unit. @param {number} ms */
export function span(ms) {
  const units = /** @type {const} */ ([["day", 86_400_000], ["hour", 3_600_000], ["minute", 60_000]]);
  const [unit, size] = units.find(([, one]) => ms >= one) ?? ["second", 1_000];
  const digits = unit === "second" && ms < 10_000 ? 1 : 0;
  const known = spans.get(unit + digits) ?? new Intl.NumberFormat(locale, {
    style: "unit", unit, unitDisplay: unit === "day" ? "long" : "short",
    maximumFractionDigits: digits, roundingMode: "floor",
  });
  spans.set(unit + digits, known);
  return known.format(ms / size);
}
