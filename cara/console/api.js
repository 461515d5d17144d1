/* Speaking to the API: tokens, requests, and what went wrong in words. */

import { counted } from "./showing.js";

const KEPT = "cara-console";
const MINUTE = 60;
const HOUR = 3600;

let tokens = JSON.parse(sessionStorage.getItem(KEPT));
let refreshing = null;

export const signedIn = () => tokens !== null;

/** Takes on a pair of tokens, in this tab alone; null is none. */
export function keep(pair) {
  tokens = pair && { accessToken: pair.accessToken, refreshToken: pair.refreshToken };
  if (tokens) sessionStorage.setItem(KEPT, JSON.stringify(tokens));
  else sessionStorage.removeItem(KEPT);
}

/** Why Cara refused, in words for a person. */
async function problemOf(response) {
  const problem = await response.json().catch(() => ({}));
  const wait = response.headers.get("Retry-After");
  const words = problem.detail ?? `Cara answered ${response.status}.`;
  return new Error(wait ? `${words} (Try again in ${lasting(Number(wait))}.)` : words);
}

function lasting(seconds) {
  if (seconds < 2 * MINUTE) return counted(seconds, "second");
  return seconds < 2 * HOUR ? counted(Math.ceil(seconds / MINUTE), "minute") : counted(Math.ceil(seconds / HOUR), "hour");
}

/** One request. Cookies stay out of it: whose tokens count is what this tab knows. */
async function send(method, path, body, accept = "application/json") {
  const headers = { Accept: accept };
  if (tokens) headers.Authorization = `Bearer ${tokens.accessToken}`;
  if (body) headers["Content-Type"] = "application/json";
  const options = { method, headers, credentials: "omit", body: body && JSON.stringify(body) };
  return fetch(path, options).catch(() => { throw new Error("Cara cannot be reached. Is it running?"); });
}

/** Exchanges the refresh token, once for all requests that found their access token expired. */
async function refresh() {
  const response = await send("POST", "/api/auth/refresh", { refreshToken: tokens.refreshToken });
  if (response.ok) return keep(await response.json());
  if (response.status !== 401) throw await problemOf(response);
  keep(null);
  throw new Error("Your sign-in has ended. Please sign in again.");
}

/** The answer to a request of the learner's, with fresh tokens if need be; throws what went wrong in words. */
export async function call(method, path, body, accept) {
  let response = await send(method, path, body, accept);
  if (response.status === 401 && tokens && !path.startsWith("/api/auth/")) {
    refreshing ??= refresh().finally(() => { refreshing = null; });
    await refreshing;
    response = await send(method, path, body, accept);
  }
  if (!response.ok) throw await problemOf(response);
  return response;
}

/** The JSON of an answer. */
export const read = async (...request) => (await call(...request)).json();

/** Ends the sign-in here and, as far as it can be reached, at Cara. */
export async function signOut() {
  await read("POST", "/api/auth/logout", { refreshToken: tokens.refreshToken }).catch(() => {});
  keep(null);
}

/** The events of a response: an async iterable of name and data. */
export async function* eventsOf(response) {
  let waiting = "";
  for await (const piece of chunksOf(response.body.pipeThrough(new TextDecoderStream()))) {
    const blocks = (waiting + piece).split("\n\n");
    waiting = blocks.pop();
    for (const block of blocks) {
      const fields = Object.fromEntries(block.split("\n").map((line) => line.split(/: (.*)/s, 2)));
      if (fields.event) yield [fields.event, JSON.parse(fields.data)];
    }
  }
}

/** Not every browser can iterate over a stream. */
async function* chunksOf(stream) {
  const reader = stream.getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
}
