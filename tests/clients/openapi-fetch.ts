/** The calls of the README by openapi-fetch, with the types that openapi-typescript makes. */
import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import { account, assertRenamed, bodyOf, practiced, transcript, url } from "./expected.js";
import type { paths } from "./generated/openapi-typescript.js";

// Without the media types an answer that can also be a stream has the type of either.
const api = createClient<paths, "application/json" | "application/problem+json">({ baseUrl: url });

const { accessToken, user } = bodyOf(await api.POST("/api/auth/register", { body: account() }));
api.use({ onRequest: ({ request }) => request.headers.set("Authorization", `Bearer ${accessToken}`) });

const answer = bodyOf(
  await api.POST("/api/gemini/process", {
    body: { prompt: "Can you help me practice a salary negotiation?", featureType: "conversation" },
  }),
);
assert(answer.response.length > 0 && answer.remainingQuota > 0);

const opened = bodyOf(
  await api.POST("/api/sessions", {
    body: { featureType: "conversation", title: "Salary Negotiation Practice" },
  }),
);
assert.equal(opened.userId, user.id);

const path = { id: opened.id };
const before = bodyOf(await api.PATCH("/api/sessions/{id}", { params: { path }, body: practiced }));
assert.deepEqual({ ...before, ...practiced }, before);
const after = bodyOf(await api.PATCH("/api/sessions/{id}", { params: { path }, body: { title: "Renamed" } }));
assertRenamed(before, after);
assert.deepEqual(bodyOf(await api.GET("/api/sessions/{id}", { params: { path } })), after);

const cleared = bodyOf(await api.PATCH("/api/sessions/{id}", { params: { path }, body: { title: null } }));
assert.deepEqual([cleared.title, cleared.transcript], [null, transcript]);
const refused = await api.PATCH("/api/sessions/{id}", {
  params: { path },
  // @ts-expect-error: completed is true, false or left out
  body: { title: "Refused", completed: null },
});
assert.equal(refused.error?.errors?.[0]?.field, "completed");

const job = bodyOf(
  await api.POST("/api/gemini/generate-feedback", {
    params: { header: { Prefer: "wait=30" } },
    body: { sessionId: opened.id, transcript, durationSeconds: 6 },
  }),
);
assert.equal("feedback" in job && job.status, "succeeded");

const page = bodyOf(await api.GET("/api/sessions", { params: { query: { completed: true } } }));
assert.deepEqual([page.total, page.limit], [1, 20]);

for (const body of [{ eventType: "opened" }, { events: [{ eventType: "read", metadata: { pages: [1, null] } }] }]) {
  bodyOf(await api.POST("/api/analytics/events", { body }));
}
const exported = bodyOf(await api.GET("/api/users/me/export"));
assert(exported.profile);
