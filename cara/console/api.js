/* API client: tokens, requests, and errors as messages for a person. */

import { counted } from "./render.js";

const STORAGE_KEY = "cara-console";
const MINUTE = 60;
const HOUR = 3600;

let tokens = JSON.parse(sessionStorage.getItem(STORAGE_KEY));
let refreshing = null;

export const signedIn = () => tokens !== null;

/** Stores a pair of tokens, for this tab alone; null removes them. */
export function storeTokens(pair) {
  tokens = pair && { accessToken: pair.accessToken, refreshToken: pair.refreshToken };
  if (tokens) sessionStorage.setItem(STORAGE_KEY, JSON.stringify(tokens));
  else sessionStorage.removeItem(STORAGE_KEY);
}

/** An error with the detail of the problem, and when to try again; the problem is at hand as `problem`. */
async function errorFrom(response) {
  const problem = await response.json().catch(() => ({}));
  const wait = response.headers.get("Retry-After");
  const message = problem.detail ?? `Cara answered ${response.status}.`;
  const text = wait ? `${message} (Try again in ${duration(Number(wait))}.)` : message;
  return Object.assign(new Error(text), { problem });
}

function duration(seconds) {
  if (seconds < 2 * MINUTE) return counted(seconds, "second");
  return seconds < 2 * HOUR ? counted(Math.ceil(seconds / MINUTE), "minute") : counted(Math.ceil(seconds / HOUR), "hour");
}

/** Sends one request, without cookies: only the tokens of this tab authenticate it. */
async function send(method, path, body, accept = "application/json") {
  const headers = { Accept: accept };
  if (tokens) headers.Authorization = `Bearer ${tokens.accessToken}`;
  if (body) headers["Content-Type"] = "application/json";
  const options = { method, headers, credentials: "omit", body: body && JSON.stringify(body) };
  return fetch(path, options).catch(() => { throw new Error("Cara cannot be reached. Is it running?"); });
}

/** Exchanges the refresh token; requests with an expired access token share one exchange. */
async function refresh() {
  const response = await send("POST", "/api/auth/refresh", { refreshToken: tokens.refreshToken });
  if (response.ok) return storeTokens(await response.json());
  if (response.status !== 401) throw await errorFrom(response);
  storeTokens(null);
  throw new Error("Your sign-in has ended. Please sign in again.");
}

/** Sends a request and refreshes expired tokens; throws an Error with a message for a person. */
export async function call(method, path, body, accept) {
  let response = await send(method, path, body, accept);
  if (response.status === 401 && tokens && !path.startsWith("/api/auth/")) {
    refreshing ??= refresh().finally(() => { refreshing = null; });
    await refreshing;
    response = await send(method, path, body, accept);
  }
  if (!response.ok) throw await errorFrom(response);
  return response;
}

/** The JSON body of a response. */
export const read = async (...request) => (await call(...request)).json();

/** Signs out in this tab and, best effort, on the server. */
export async function signOut() {
  await read("POST", "/api/auth/logout", { refreshToken: tokens.refreshToken }).catch(() => {});
  storeTokens(null);
}

/** Yields the name and the data of each server-sent event of a response. */
export async function* readEvents(response) {
  let buffer = "";
  for await (const chunk of chunksOf(response.body.pipeThrough(new TextDecoderStream()))) {
    const blocks = (buffer + chunk).split("\n\n");
    buffer = blocks.pop();
    for (const block of blocks) {
      const fields = Object.fromEntries(block.split("\n").map((line) => line.split(/: (.*)/s, 2)));
      if (fields.event) yield [fields.event, JSON.parse(fields.data)];
    }
  }
}

/** Yields the chunks of a stream: not every browser can iterate over it. */
async function* chunksOf(stream) {
  const reader = stream.getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
}
