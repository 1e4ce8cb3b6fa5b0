/**
 * Charts of at most 30 points as SVG of our own: real text, themed by the style sheet, printable,
 * each with its figures as a table.
 */
import {h, put, svg} from "./dom.js";
import {number, percent, t} from "./words.js";

/** A tile's small line; null stands for a gap. @param {(number | null)[]} values */
export function sparkline(values) {
  const known = values.filter((value) => value !== null);
  const root = svg("svg", {class: "spark", viewBox: "0 0 100 28", "aria-hidden": "true",
    preserveAspectRatio: "none"});
  if (known.length < 2) return root;
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const x = (/** @type {number} */ i) => i * 100 / (values.length - 1);
  const y = (/** @type {number} */ v) => 25 - (high > low ? (v - low) / (high - low) : 0.5) * 22;
  const points = values.flatMap((v, i) => v === null ? [] : [`${x(i).toFixed(1)},${y(v).toFixed(1)}`]);
  root.append(
    svg("polygon", {class: "area", points: `0,28 ${points.join(" ")} 100,28`}),
    svg("polyline", {class: "line", points: points.join(" ")}));
  return root;
}

/**
 * Columns over days or hours, with a line of a second series where its name is given.
 * @param {{label: string, short: string, bar: number, line?: number}[]} points
 * @param {{bar: string, line?: string, show?: (value: number) => string}} names
 */
export function columns(points, names) {
  const [width, height, bottom, top] = [640, 190, 22, 12];
  const root = svg("svg", {class: "columns", viewBox: `0 0 ${width} ${height}`,
    "aria-hidden": "true"});
  const most = Math.max(1, ...points.map((point) => point.bar));
  const show = names.show ?? number;
  const mostLine = Math.max(1, ...points.map((point) => point.line ?? 0));
  const every = Math.ceil(points.length / 9);
  const step = width / points.length;
  const room = height - bottom - top;
  for (const share of [0.25, 0.5, 0.75, 1]) {
    const y = height - bottom - share * room;
    root.append(svg("line", {class: "grid", x1: 0, x2: width, y1: y, y2: y}));
  }
  points.forEach((point, index) => {
    const tall = point.bar / most * room;
    const bar = svg("rect", {class: "bar", x: index * step + step * 0.2, width: step * 0.6, rx: 2,
      y: height - bottom - tall, height: tall});
    const second = point.line === undefined ? "" : ` · ${show(point.line)}`;
    bar.append(svg("title", {}, `${point.label}: ${number(point.bar)}${second}`));
    root.append(bar);
    if (index % every === 0) {
      root.append(svg("text", {class: "axis", x: index * step + step / 2, y: height - 6,
        "text-anchor": "middle"}, point.short));
    }
  });
  const legend = h("p", {class: "legend"},
    entry("first", `${names.bar} (${t("upTo", {n: number(most)})})`));
  if (names.line) {
    const line = points.map((point, index) => `${(index * step + step / 2).toFixed(1)},`
      + (height - bottom - (point.line ?? 0) / mostLine * room).toFixed(1));
    root.append(svg("polyline", {class: "second", points: line.join(" ")}));
    legend.append(entry("second", `${names.line} (${t("upTo", {n: show(mostLine)})})`));
  }
  return h("div", {}, legend, root);
}

/** Named shares as horizontal bars. @param {{name: string, value: number, shown: string}[]} rows */
export function bars(rows) {
  const most = Math.max(1, ...rows.map((row) => row.value));
  return h("ul", {class: "bars"}, ...rows.map((row) => {
    const fill = h("span", {class: "fill"});
    fill.style.setProperty("--part", String(row.value / most));
    return h("li", {}, h("span", {class: "name"}, row.name), h("span", {class: "track"}, fill),
      h("span", {class: "value"}, row.shown));
  }));
}

/** One bar in two parts. @param {number} first @param {number} second @param {string} text */
export function split(first, second, text) {
  const part = first + second ? first / (first + second) : 0;
  const fill = h("span", {class: "fill"});
  fill.style.setProperty("--part", String(part));
  return h("div", {class: "split", role: "img", "aria-label": `${text} (${percent(part)})`}, fill);
}

/** A key of a legend with its text, in one line. @param {string} key @param {string} text */
export function entry(key, text) {
  return h("span", {}, h("span", {class: `key ${key}`}), text);
}

/**
 * Nights and how full each is, as cells with their figure: colour is never alone.
 * @param {{label: string, sold: number, total: number}[]} nights
 */
export function nightStrip(nights) {
  return h("ol", {class: "strip"}, ...nights.map(({label, sold, total}) => {
    const part = total ? sold / total : 0;
    const column = h("span", {class: "column"}, h("span", {class: "fill"}));
    column.style.setProperty("--part", String(Math.min(1, part)));
    return h("li", {class: part > 1 ? "over" : part >= 0.9 ? "full" : "",
      title: t("sold", {sold, total})},
    h("b", {}, percent(part)), column, h("span", {}, label));
  }));
}

/** The figures behind a chart, folded. @param {string} caption @param {string[]} head
 *  @param {string[][]} rows */
export function tableOf(caption, head, rows) {
  return h("details", {}, h("summary", {}, t("table")),
    h("div", {class: "scroll", tabindex: 0, role: "region", "aria-label": caption},
      h("table", {}, h("caption", {class: "hidden"}, caption),
        h("thead", {}, h("tr", {}, ...head.map((name) => h("th", {scope: "col"}, name)))),
        h("tbody", {}, ...rows.map(([first, ...rest]) => h("tr", {},
          h("th", {scope: "row"}, first ?? ""), ...rest.map((cell) => h("td", {}, cell))))))));
}

/** Put a chart and its table into a panel; its table stays open if it was.
 *  @param {Element} panel @param {Element | string} chart @param {Element | null} [table] */
export function showChart(panel, chart, table = null) {
  const wasOpen = panel.querySelector("details")?.open ?? false;
  if (table instanceof HTMLDetailsElement) table.open = wasOpen;
  put(panel, typeof chart === "string" ? h("p", {class: "empty"}, chart) : chart, table);
}
