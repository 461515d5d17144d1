/** The calls of the README by openapi-fetch, with the types that openapi-typescript makes. */
import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import {
  account, administrator, assertRenamed, baseUrl, bodyOf, dataOf, event, events, password, practiced, problemOf,
  transcript,
} from "./expected.js";
import type { components, paths } from "./generated/cara-types.js";

const api = createClient<paths, "application/json" | "application/problem+json">({ baseUrl });
let accessToken: string | undefined;
api.use({
  onRequest: ({ request }) => {
    if (accessToken) request.headers.set("Authorization", `Bearer ${accessToken}`);
  },
});

// Accounts
const weak: components["schemas"]["Problem"] = problemOf(
  await api.POST("/api/auth/register", { body: { ...account, password: "password" } }),
);
assert.deepEqual([weak.status, weak.code, weak.errors?.[0]?.field], [400, "invalid_input", "password"]);
assert.equal(problemOf(await api.GET("/api/users/me")).code, "unauthenticated");

const { user } = bodyOf(await api.POST("/api/auth/register", { body: account }));
const wrong = await api.POST("/api/auth/login", { body: { email: account.email, password: "wrong" } });
assert.deepEqual([wrong.response.status, wrong.error?.code], [401, "invalid_credentials"]);
const signedIn = bodyOf(await api.POST("/api/auth/login", { body: { email: account.email, password } }));
({ accessToken } = signedIn);
assert.deepEqual(bodyOf(await api.GET("/api/auth/verify")).user, user);
const profile = bodyOf(await api.PATCH("/api/users/me", { body: { timezone: "Europe/Berlin" } }));
assert.deepEqual([profile.timezone, profile.name, profile.role], ["Europe/Berlin", account.name, account.role]);

// The coach
const answer = bodyOf(
  await api.POST("/api/gemini/process", {
    body: { prompt: "Can you help me practice a salary negotiation?", featureType: "conversation" },
  }),
);
assert(answer.response.length > 0 && answer.remainingQuota > 0);
const streamed = await api.POST("/api/gemini/process", {
  body: { prompt: "What would you say first?" },
  headers: { Accept: "text/event-stream" },
  parseAs: "text",
});
const done = dataOf<components["schemas"]["CoachEvent"]>(bodyOf(streamed), "done");
assert("response" in done && done.response.length > 0);

// Sessions
const opened = bodyOf(
  await api.POST("/api/sessions", { body: { featureType: "conversation", title: "Salary Negotiation Practice" } }),
);
assert.equal(opened.userId, user.id);

const path = { id: opened.id };
const before = bodyOf(await api.PATCH("/api/sessions/{id}", { params: { path }, body: practiced }));
assert.deepEqual({ ...before, ...practiced }, before);
const after = bodyOf(await api.PATCH("/api/sessions/{id}", { params: { path }, body: { title: "Renamed" } }));
assertRenamed(before, after);
const read = await api.GET("/api/sessions/{id}", { params: { path } });
assert.deepEqual(bodyOf(read), after);

const outdated = await api.PATCH("/api/sessions/{id}", {
  params: { path, header: { "If-Match": '"1"' } },
  body: { title: "Refused" },
});
assert.deepEqual([outdated.response.status, outdated.error?.code], [412, "precondition_failed"]);
const cleared = bodyOf(await api.PATCH("/api/sessions/{id}", { params: { path }, body: { title: null } }));
assert.deepEqual([cleared.title, cleared.transcript], [null, transcript]);
const refused = await api.PATCH("/api/sessions/{id}", {
  params: { path },
  // @ts-expect-error: completed is true, false or left out
  body: { title: "Refused", completed: null },
});
assert.equal(refused.error?.errors?.[0]?.field, "completed");

const missing = await api.GET("/api/sessions/{id}", { params: { path: { id: user.id } } });
assert.deepEqual([missing.response.status, missing.error?.code], [404, "not_found"]);
const page = bodyOf(await api.GET("/api/sessions", { params: { query: { completed: true } } }));
assert.deepEqual([page.total, page.limit, page.sessions[0]?.score], [1, 20, 71.5]);

// Feedback
const job = bodyOf(
  await api.POST("/api/gemini/generate-feedback", {
    params: { header: { Prefer: "wait=30" } },
    body: { sessionId: opened.id, transcript, durationSeconds: 6 },
  }),
);
assert("feedback" in job && job.feedback, JSON.stringify(job));
assert.equal(job.status, "succeeded");
const jobPath = { id: job.jobId };
const polled = await api.GET("/api/gemini/jobs/{id}", { params: { path: jobPath } });
assert.deepEqual(bodyOf(polled).feedback, job.feedback);
const etag = polled.response.headers.get("ETag") ?? "";
const unchanged = await api.GET("/api/gemini/jobs/{id}", {
  params: { path: jobPath, header: { "If-None-Match": etag } },
});
assert.equal(unchanged.response.status, 304);
const story = await api.GET("/api/gemini/jobs/{id}/events", { params: { path: jobPath }, parseAs: "text" });
assert.deepEqual(dataOf<components["schemas"]["JobEvent"]>(bodyOf(story), "succeeded"), bodyOf(polled));

// Analytics, quota
const posted = bodyOf(await api.POST("/api/analytics/events", { body: event }));
assert("eventId" in posted && posted.eventId === event.eventId);
assert.deepEqual(bodyOf(await api.POST("/api/analytics/events", { body: { events } })), { accepted: 2, duplicates: 0 });
const statistics = bodyOf(await api.GET("/api/analytics/stats", { params: { query: { from: "2026-01-01" } } }));
assert.equal(statistics.timezone, "Europe/Berlin");
assert(bodyOf(await api.GET("/api/analytics/adoption")).features.length > 0);
assert(bodyOf(await api.GET("/api/gemini/quota")).tokensUsed >= answer.tokensUsed);
const forbidden = await api.GET("/api/analytics/adoption.csv", { parseAs: "text" });
assert.deepEqual([forbidden.response.status, forbidden.error?.code], [403, "forbidden"]);

// What comes back without JSON, and the end
const exported = bodyOf(await api.GET("/api/users/me/export"));
assert(exported.profile);
assert.equal((await api.DELETE("/api/sessions/{id}", { params: { path } })).response.status, 204);
const fresh = bodyOf(await api.POST("/api/auth/refresh", { body: { refreshToken: signedIn.refreshToken } }));
({ accessToken } = fresh);
assert.equal((await api.DELETE("/api/users/me", { body: { password } })).response.status, 204);
assert.equal(problemOf(await api.GET("/api/auth/verify")).code, "token_invalid");

const admin = bodyOf(await api.POST("/api/auth/login", { body: { email: administrator, password } }));
({ accessToken } = admin);
const csv: string = bodyOf(await api.GET("/api/analytics/adoption.csv", { parseAs: "text" }));
assert.match(csv, /^day,/);
assert.equal(bodyOf(await api.POST("/api/auth/logout", { body: { refreshToken: admin.refreshToken } })).signedOut, true);
