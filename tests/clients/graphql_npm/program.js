// Two GraphQL clients that many use, and the specification's own audits, against a served Septet.
import assert from "node:assert/strict";
import { Client, fetchExchange, gql } from "@urql/core";
import { auditServer } from "graphql-http";
import { ClientError, GraphQLClient, gql as document } from "graphql-request";

const [baseUrl, email] = process.argv.slice(2);
const url = `${baseUrl}/graphql`;
const password = "correct horse battery staple";

// The audits of the GraphQL-over-HTTP specification: musts, shoulds and mays.
const results = await auditServer({ url, fetchFn: fetch });
const failing = results.filter((result) => result.status !== "ok").map((result) => `${result.id} ${result.name}`);
assert.deepEqual(failing, []);
assert(results.length >= 50);

// graphql-request: register and sign in by mutations, whose replies are unions.
const stranger = new GraphQLClient(url);
const registered = await stranger.request(
  document`mutation Register($input: NewAccountInput!) { register(input: $input) { __typename } }`,
  { input: { email, password, name: "Ada" } },
);
assert.equal(typeof registered.register.__typename, "string");
const signedIn = await stranger.request(
  document`mutation SignIn($input: CredentialsInput!) { signIn(input: $input) { accessToken } }`,
  { input: { email, password } },
);
const token = signedIn.signIn.accessToken;
const me = new GraphQLClient(url, { headers: { Authorization: `Bearer ${token}` } });
assert.equal((await me.request("{ readMe { email name } }")).readMe.email, email);

// A problem, with every fault of the input at its place.
const create = document`mutation Create($input: NewNoteInput!) { createNote(input: $input) { id title } }`;
await assert.rejects(me.request(create, { input: { title: "", stars: -1 } }), (error) => {
  assert(error instanceof ClientError);
  const [problem] = error.response.errors;
  assert.equal(problem.extensions.code, "invalid");
  assert.deepEqual(problem.path, ["createNote"]);
  assert.deepEqual(problem.extensions.errors.map((fault) => fault.pointer.split("/").at(-1)).sort(), ["stars", "title"]);
  return true;
});

// A batch, and a retry that has its effect once.
const batch = await me.batchRequests(["first", "second"].map((title) => ({ document: create, variables: { input: { title } } })));
assert.deepEqual(batch.map((answer) => answer.data.createNote.title), ["first", "second"]);
const once = new GraphQLClient(url, { headers: { Authorization: `Bearer ${token}`, "Idempotency-Key": "third" } });
const [made, again] = [await once.request(create, { input: { title: "third" } }), await once.request(create, { input: { title: "third" } })];
assert.equal(made.createNote.id, again.createNote.id);

// urql: pages by their cursors, as its documentation has it; queries by GET too.
const client = new Client({
  url,
  exchanges: [fetchExchange],
  preferGetMethod: "force",
  fetchOptions: { headers: { Authorization: `Bearer ${token}` } },
});
const page = gql`query Titles($first: Int!, $after: String) {
  listNotes(first: $first, after: $after) { edges { cursor node { title } } pageInfo { hasNextPage endCursor } }
}`;
const titles = [];
let after = null;
do {
  const { data, error } = await client.query(page, { first: 2, after });
  assert.equal(error, undefined);
  titles.push(...data.listNotes.edges.map((edge) => edge.node.title));
  assert.equal(data.listNotes.edges.at(-1).cursor, data.listNotes.pageInfo.endCursor);
  after = data.listNotes.pageInfo.hasNextPage ? data.listNotes.pageInfo.endCursor : null;
} while (after !== null);
assert.deepEqual(titles, ["third", "second", "first"]);

// A part that fails leaves the rest; a token that does not hold is a network error with its status.
const partly = await client.query(gql`{ listNotes { nodes { id } } readNote(id: "01900000-0000-7000-8000-000000000000") { id } }`, {});
assert.equal(partly.data.listNotes.nodes.length, 3);
assert.equal(partly.error.graphQLErrors[0].extensions.code, "not_found");
const forged = new Client({ url, exchanges: [fetchExchange], fetchOptions: { headers: { Authorization: "Bearer forged" } } });
assert.equal((await forged.query(page, { first: 1 })).error.response.status, 401);
console.log("done");
