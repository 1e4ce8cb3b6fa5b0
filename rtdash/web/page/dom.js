/** Elements by hand: text goes in as text, never as markup. */

/** @typedef {string | number | Node | null | undefined | false} Child */

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element. Properties that begin with `on` are listeners, the others attributes; null, undefined
 * and false leave one out. @param {string} tag @param {Record<string, any>} [properties]
 * @param {...Child} children @returns {any}
 */
export function h(tag, properties = {}, ...children) {
  return fill(document.createElement(tag), properties, children);
}

/** The same for SVG. @param {string} tag @param {Record<string, any>} [properties]
 *  @param {...Child} children @returns {any} */
export function svg(tag, properties = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), properties, children);
}

/** @param {Element} element @param {Record<string, any>} properties @param {Child[]} children */
function fill(element, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  put(element, ...children);
  return element;
}

/** @type {Record<string, string>} Outlines on a field of 24 by 24. */
const ICONS = {
  bell: "M6 16V10a6 6 0 0 1 12 0v6l2 2H4zM10 21h4",
  pause: "M8 5v14M16 5v14",
  play: "M8 5l11 7-11 7z",
  theme: "M12 3a9 9 0 1 0 0 18zM12 3a9 9 0 0 1 0 18",
  wall: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
  settings: "M4 7h9M17 7h3M4 17h3M11 17h9M15 5v4M9 15v4",
  help: "M9 9a3 3 0 1 1 4 3c-1 .5-1 1-1 2M12 18v.5",
  close: "M6 6l12 12M18 6L6 18",
};

/** A picture beside words or a label: it says nothing by itself. @param {string} name */
export function icon(name) {
  return svg("svg", {class: "glyph", viewBox: "0 0 24 24", "aria-hidden": "true"},
    svg("path", {d: ICONS[name]}));
}

/** Replace the content. @param {Element} element @param {...Child} children */
export function put(element, ...children) {
  const kept = children.filter((child) => child !== null && child !== undefined && child !== false);
  element.replaceChildren(...kept.map((c) => typeof c === "number" ? String(c) : /** @type {Node} */ (c)));
}

/** Set the text of an element if it differs, so that nothing is laid out in vain.
 *  @param {Element} element @param {string} text */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Make the children of `parent` those of `items`, keyed: what stays is kept, moved and updated.
 * @template T
 * @param {Element} parent @param {T[]} items @param {(item: T) => string} keyOf
 * @param {(item: T) => Element} make @param {(element: any, item: T) => void} update
 */
export function reconcile(parent, items, keyOf, make, update) {
  const known = new Map([...parent.children].map((one) => [one.getAttribute("data-id"), one]));
  /** @type {Element | null} */
  let next = parent.firstElementChild;
  for (const item of items) {
    const id = keyOf(item);
    let element = known.get(id);
    if (element) known.delete(id);
    else {
      element = make(item);
      element.setAttribute("data-id", id);
    }
    update(element, item);
    if (element === next) next = next.nextElementSibling;
    else parent.insertBefore(element, next);
  }
  for (const element of known.values()) element.remove();
}

/** Storage of the browser that may be switched off or full. @param {"localStorage" |
 *  "sessionStorage"} kind */
export function storage(kind) {
  /** @type {Map<string, string>} */
  const memory = new Map();
  return {
    /** @param {string} name */
    get(name) {
      try { return window[kind].getItem(name); } catch { return memory.get(name) ?? null; }
    },
    /** @param {string} name @param {string | null} value null removes it */
    set(name, value) {
      if (value === null) memory.delete(name); else memory.set(name, value);
      try {
        if (value === null) window[kind].removeItem(name);
        else window[kind].setItem(name, value);
      } catch { /* the value lives as long as the page */ }
    },
  };
}

export const settings = storage("localStorage");
