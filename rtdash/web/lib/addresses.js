/**
 * The two addresses of a server, from whichever was given: the base of its REST interface, and its
 * socket.
 */

const SECURE = new Map([["http:", false], ["ws:", false], ["https:", true], ["wss:", true]]);

/**
 * `https://host` → `wss://host/ws`; a `ws:` or `wss:` URL with a path stays as it is.
 * @param {string | URL} url @param {string} [base] @returns {string}
 */
export function socketUrl(url, base) {
  const parts = parse(url, base);
  const isSocket = parts.protocol.startsWith("ws") && parts.pathname.replaceAll("/", "") !== "";
  const path = isSocket ? parts.pathname : `${parts.pathname.replace(/\/+$/, "")}/ws`;
  return `${SECURE.get(parts.protocol) ? "wss" : "ws"}://${parts.host}${path}`;
}

/**
 * `wss://host/ws` → `https://host`; without a slash at its end.
 * @param {string | URL} url @param {string} [base] @returns {string}
 */
export function restUrl(url, base) {
  const parts = parse(url, base);
  const path = parts.protocol.startsWith("ws")
    ? parts.pathname.replace(/\/ws$/, "") : parts.pathname;
  const scheme = SECURE.get(parts.protocol) ? "https" : "http";
  return `${scheme}://${parts.host}${path.replace(/\/+$/, "")}`;
}

/** @param {string | URL} url @param {string} [base] @returns {URL} */
function parse(url, base) {
  const parts = new URL(url, base);
  if (!SECURE.has(parts.protocol) || !parts.host) {
    throw new TypeError("the server's URL begins with http://, https://, ws:// or wss://");
  }
  if (parts.search || parts.username || parts.password) {
    // A URL ends up in logs and histories, so the text must not repeat it.
    throw new TypeError("the server's URL carries a query or a password: give the token by itself");
  }
  return parts;
}
