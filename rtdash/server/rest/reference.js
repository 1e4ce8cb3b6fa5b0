// "Try it" on the page of the REST interface: sends what the form says, shows what comes back.
"use strict";
const token = document.getElementById("token");
token.value = sessionStorage.getItem("rtdash.docs.token") ?? "";
token.addEventListener("change", () => sessionStorage.setItem("rtdash.docs.token", token.value));

/** The address of a filled form, relative to this page, so that a proxy's prefix stays. */
function addressOf(form) {
  const query = new URLSearchParams();
  let path = form.dataset.path;
  for (const input of form.querySelectorAll("input[data-in]")) {
    if (input.dataset.in === "path") {
      path = path.replace(`{${input.name}}`, encodeURIComponent(input.value));
    } else if (input.dataset.in === "query" && input.value !== "") {
      query.set(input.name, input.value);
    }
  }
  return query.size ? `${path}?${query}` : path;
}

async function send(form) {
  const headers = new Headers();
  if (form.dataset.secured && token.value) headers.set("Authorization", `Bearer ${token.value.trim()}`);
  for (const input of form.querySelectorAll('input[data-in="header"]')) {
    if (input.value !== "") headers.set(input.name, input.value);
  }
  const body = form.querySelector("textarea")?.value;
  if (body !== undefined) headers.set("Content-Type", "application/json");
  const began = performance.now();
  const answer = await fetch(addressOf(form), { method: form.dataset.method, headers, body });
  const text = await answer.text();
  const took = Math.round(performance.now() - began);
  let shown = text;
  try {
    shown = JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    // not JSON: as it came
  }
  return [`${answer.status} ${answer.statusText} · ${took} ms`, shown];
}

for (const form of document.forms) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const [status, output] = form.querySelectorAll("output");
    status.textContent = "…";
    try {
      [status.textContent, output.textContent] = await send(form);
    } catch (error) {
      [status.textContent, output.textContent] = ["not sent", String(error)];
    }
  });
}

function openNamed() {
  const named = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (named instanceof HTMLDetailsElement) named.open = true;
}
addEventListener("hashchange", openNamed);
openNamed();
