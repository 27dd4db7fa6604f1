// A person's first minutes, through a client whose types are generated from /openapi.json. What does not compile
// here would not compile for those who use the server.
import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

type Problem = components["schemas"]["Problem"];
type Note = components["schemas"]["Note"];

const [baseUrl, email] = process.argv.slice(2);
assert(baseUrl && email);
const password = "correct horse battery staple";
const stranger = createClient<paths>({ baseUrl });

// Register. The reply tells by its status, and by `result`, whether the address must be verified first.
const registered = await stranger.POST("/v1/identity/accounts", { body: { email, password, name: "Ada" } });
assert.equal(registered.response.status, 201);
assert(registered.data?.result === "signed_in");
assert.equal(registered.data.account.email, email);

// Sign in.
const session = await stranger.POST("/v1/identity/sessions", { body: { email, password } });
assert(session.data);
const token: string = session.data.access_token;
const me = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${token}` } });

// Read and change oneself.
const account = await me.GET("/v1/identity/me");
assert(account.data);
const name: string | null = account.data.name;
assert.equal(name, "Ada");
const changed = await me.PATCH("/v1/identity/me", {
  body: { name: "Ada L." },
  params: { header: { "If-Match": account.response.headers.get("etag") ?? "" } },
});
assert.equal(changed.data?.name, "Ada L.");
const stale = await me.PATCH("/v1/identity/me", {
  body: { name: "Somebody" },
  params: { header: { "If-Match": '"another"' } },
});
assert.equal(stale.error?.code, "precondition_failed");

// Handle a problem: typed, with every fault of the input.
const wrong = await stranger.POST("/v1/identity/sessions", { body: { email, password: "not it" } });
assert(wrong.error);
const problem: Problem = wrong.error;
assert.equal(problem.status, 401);
assert.equal(problem.code, "invalid_credentials");
// @ts-expect-error - a body that lacks a field does not compile; the server names the field
const faulty = await me.POST("/v1/notes/notes", { body: { stars: -1 } });
assert.deepEqual(
  faulty.error?.errors?.map((fault: { pointer: string }) => fault.pointer),
  ["/title", "/stars"],
);

// Make something once, however often it is sent, and walk its pages.
async function makeTwice(title: string): Promise<void> {
  const header = { "Idempotency-Key": `${email}-${title}` };
  const made = await me.POST("/v1/notes/notes", { body: { title }, params: { header } });
  const again = await me.POST("/v1/notes/notes", { body: { title }, params: { header } });
  assert.equal(made.response.status, 201);
  assert.equal(again.response.headers.get("idempotent-replayed"), "true");
  assert.equal(again.data?.id, made.data?.id);
}
for (const title of ["first", "second", "third"]) await makeTwice(title);
const notes: Note[] = [];
let cursor: string | null = null;
do {
  const query: { limit: number; cursor?: string } = cursor === null ? { limit: 2 } : { limit: 2, cursor };
  const { data }: { data?: components["schemas"]["NotePage"] } = await me.GET("/v1/notes/notes", { params: { query } });
  assert(data);
  notes.push(...data.items);
  cursor = data.next;
} while (cursor !== null);
assert.deepEqual(notes.map((note) => note.title), ["third", "second", "first"]);

// Refresh, with the expired token still sent along, and sign out.
const refreshed = await me.POST("/v1/identity/sessions/refresh", { body: { refresh_token: session.data.refresh_token } });
assert(refreshed.data && refreshed.data.refresh_token !== session.data.refresh_token);
const out = await me.DELETE("/v1/identity/sessions/{id}", { params: { path: { id: "current" } } });
assert.equal(out.response.status, 204);
assert.equal((await me.GET("/v1/identity/me")).error?.code, "unauthenticated");
console.log("done");
