/** What the TypeScript programs send, and what they expect of it. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

/** Where Cara runs, and an administrator's email; everybody has the same password. */
export const [baseUrl = "", administrator = ""] = process.argv.slice(2);
export const password = "secure123";

export const account = {
  email: `client-${randomUUID()}@example.com`,
  name: "John Doe",
  role: "Software Engineer",
  password,
};

export const transcript = "Um, thank you. I recommend that we hire two people now.";

/** A session that has something to lose. */
export const practiced = {
  description: "Before the talk with my manager",
  transcript,
  score: 71.5,
  completed: true,
  feedbackJson: { note: "of the learner's own", weights: [0.25, null], passed: true },
};

/** One event, and several at once, at a time that is not written in UTC. */
export const event = { eventType: "opened", eventId: randomUUID(), metadata: { pages: [1, null] } };
export const events = [{ eventType: "read" }, { eventType: "closed", occurredAt: "2026-11-27T20:15:00.5+01:00" }];

/** The body of an answer; fails with the problem if there is one. */
export function bodyOf<T>(answer: { data?: T; error?: unknown }): Exclude<T, undefined> {
  assert(answer.data !== undefined, JSON.stringify(answer.error));
  return answer.data as Exclude<T, undefined>;
}

/** The problem that a call was refused with; fails if there is none. */
export function problemOf<E>(answer: { error?: E }): Exclude<E, undefined> {
  assert(answer.error !== undefined);
  return answer.error as Exclude<E, undefined>;
}

/** The data of the last event, which has this name, of a stream that has ended. */
export function dataOf<E>(stream: string, name: string): E {
  const [event, data] = stream.trimEnd().split("\n").slice(-2);
  assert.equal(event, `event: ${name}`);
  return JSON.parse(data?.replace(/^data: /, "") ?? "");
}

/** Only the title may differ, and what a change always touches. */
export function assertRenamed<T extends { title: string | null; updatedAt: string }>(before: T, after: T): void {
  assert.notEqual(before.title, after.title);
  assert.deepEqual(after, { ...before, title: after.title, updatedAt: after.updatedAt });
}
