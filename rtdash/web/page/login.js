/**
 * Signing in: one-time codes, the token in this tab's storage, its renewal, signing out. A token
 * never stands in an address.
 */
import {h, put, storage} from "./dom.js";
import {t} from "./words.js";

const NAME = "rtdash.token";
const kept = storage("sessionStorage");

/** The token of this tab and what it is good for. */
export class SignIn {
  /** @type {Promise<void> | null} */
  #renewing = null;
  #base;

  /** @param {string} base of the REST interface */
  constructor(base) { this.#base = base; }

  /** @returns {string | null} */
  get token() { return kept.get(NAME); }

  set token(/** @type {string | null} */ token) { kept.set(NAME, token); }

  /**
   * Use the code in the address, if there is one, and take it out of there.
   * @returns {Promise<"none" | "done" | "refused" | "token_in_address">}
   */
  async redeem() {
    const given = new URLSearchParams(location.hash.slice(1));
    const code = given.get("code");
    const hasToken = given.has("token") || new URLSearchParams(location.search).has("token");
    if (code !== null || hasToken) {
      const query = new URLSearchParams(location.search);
      query.delete("token");
      history.replaceState(null, "", location.pathname + (query.size ? `?${query}` : ""));
    }
    if (code === null) return hasToken ? "token_in_address" : "none";
    const answer = await this.#post("/api/login", {code});
    if (!answer) return "refused";
    this.token = answer.token;
    return "done";
  }

  /** The present token, renewed when half of its time is over. For `connect`. */
  present = async () => {
    const token = this.token;
    if (token === null) throw new Error("no user is signed in");
    const {iat = 0, exp = 0, login_at: isOurs} = claimsOf(token);
    if (isOurs && Date.now() / 1000 > (iat + exp) / 2) {
      this.#renewing ??= this.#renew(token).finally(() => { this.#renewing = null; });
      await this.#renewing;
    }
    return this.token ?? token;
  };

  /** @param {string} token */
  async #renew(token) {
    // A failure is no harm yet: the present token still holds, and the next use tries again.
    const answer = await this.#post("/api/login/renew", {}, token).catch(() => null);
    if (answer && this.token === token) this.token = answer.token;
  }

  /** Revoke the token, and forget it. */
  async signOut() {
    const token = this.token;
    this.token = null;
    if (token === null) return;
    const {jti} = claimsOf(token);
    if (jti) await this.#post("/api/admin/revocations", {jti}, token).catch(() => null);
  }

  /** @param {string} path @param {object} body @param {string} [token] @returns {Promise<any>} */
  async #post(path, body, token) {
    const response = await fetch(this.#base + path, {
      method: "POST", body: JSON.stringify(body), cache: "no-store", credentials: "omit",
      headers: {"Content-Type": "application/json",
        ...token ? {Authorization: `Bearer ${token}`} : {}},
    });
    if (response.status === 204) return {};
    const answer = await response.json().catch(() => null);
    return response.ok && answer?.token ? answer : null;
  }
}

/** What a token says, unchecked. @param {string} token @returns {Record<string, any>} */
function claimsOf(token) {
  try {
    const part = (token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(part), (char) => char.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return {};
  }
}

/**
 * Show a user who is not signed in why, and two ways to sign in.
 * @param {Element} root @param {{title: string, text?: string, note?: string,
 *   onToken?: (token: string) => void, onRetry?: () => void}} content
 */
export function showGate(root, {title, text, note, onToken, onRetry}) {
  const field = h("input", {
    id: "token", name: "token", type: "password", autocomplete: "off", spellcheck: "false",
    required: true, "aria-describedby": "token-hint",
  });
  const form = onToken && h("form", {
    onsubmit: (/** @type {Event} */ event) => {
      event.preventDefault();
      if (field.value.trim()) onToken(field.value.trim());
    },
  }, h("label", {for: "token"}, t("pasteToken")),
  h("div", {class: "field"}, field, h("button", {class: "primary"}, t("signIn"))),
  h("p", {id: "token-hint", class: "quiet"}, ...marked(t("tokenHint"))));
  put(root, h("main", {class: "gate"},
    h("img", {src: new URL("icon.svg", import.meta.url).href, alt: "", width: 56, height: 56}),
    h("h1", {}, title),
    note && h("p", {class: "note", role: "alert"}, ...marked(note)),
    text && h("p", {}, text),
    onToken && h("pre", {tabindex: 0}, "rtdash open"),
    form || null,
    onRetry && h("button", {class: "primary", onclick: onRetry}, t("now"))));
  document.title = `${title} · rtdash`;
}

/** `code` in a sentence becomes an element. @param {string} text */
function marked(text) {
  return text.split("`").map((part, index) => index % 2 ? h("code", {}, part) : part);
}
