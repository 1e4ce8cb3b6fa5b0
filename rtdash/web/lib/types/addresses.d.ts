/**
 * `https://host` → `wss://host/ws`; a `ws:` or `wss:` URL with a path stays as it is.
 * @param {string | URL} url @param {string} [base] @returns {string}
 */
export function socketUrl(url: string | URL, base?: string): string;
/**
 * `wss://host/ws` → `https://host`; without a slash at its end.
 * @param {string | URL} url @param {string} [base] @returns {string}
 */
export function restUrl(url: string | URL, base?: string): string;
