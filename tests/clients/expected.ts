/** What both programs send, and what they expect of it. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

export const url = process.argv[2] ?? "http://localhost:3001";

export const account = () => ({
  email: `client-${randomUUID()}@example.com`,
  name: "John Doe",
  role: "Software Engineer",
  password: "secure123",
});

export const transcript = "Um, thank you. I recommend that we hire two people.";

/** A session that has something to lose. */
export const practiced = { description: "Before the talk with my manager", transcript, score: 71.5, completed: true };

/** The body of an answer; fails with the problem if there is one. */
export function bodyOf<T>(answer: { data?: T; error?: unknown }): T {
  assert(answer.data !== undefined, JSON.stringify(answer.error));
  return answer.data;
}

/** Only the title may differ, and what a change always touches. */
export function assertRenamed<T extends { title: string | null; updatedAt: string }>(before: T, after: T): void {
  assert.notEqual(before.title, after.title);
  assert.deepEqual(after, { ...before, title: after.title, updatedAt: after.updatedAt });
}
