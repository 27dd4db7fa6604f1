// Shows /openapi.json with Swagger UI. The bundled version reads OpenAPI 3.0 only, so the document, which is 3.1,
// is rewritten here for display: what 3.0 cannot say is said in its words.
function toOpenApi30(node) {
  if (Array.isArray(node)) return node.map(toOpenApi30);
  if (node === null || typeof node !== "object") return node;
  const made = Object.fromEntries(Object.entries(node).map(([key, value]) => [key, toOpenApi30(value)]));
  if (Array.isArray(made.anyOf) && made.anyOf.some((member) => member.type === "null")) {
    const members = made.anyOf.filter((member) => member.type !== "null");
    delete made.anyOf;
    if (members.length === 1 && !members[0].$ref) Object.assign(made, members[0]);
    else made.anyOf = members;
    made.nullable = true;
  }
  if ("const" in made && made.type) {
    made.enum = [made.const];
    delete made.const;
  }
  if (made.type && Array.isArray(made.examples)) {
    made.example = made.examples[0];
    delete made.examples;
  }
  for (const [bound, limit] of [["exclusiveMinimum", "minimum"], ["exclusiveMaximum", "maximum"]]) {
    if (typeof made[bound] === "number") {
      made[limit] = made[bound];
      made[bound] = true;
    }
  }
  return made;
}

async function show() {
  const reply = await fetch("/openapi.json");
  const document30 = toOpenApi30(await reply.json());
  document30.openapi = "3.0.3";
  delete document30.jsonSchemaDialect;
  SwaggerUIBundle({
    spec: document30,
    dom_id: "#operations",
    deepLinking: true,
    persistAuthorization: false,
    defaultModelsExpandDepth: 0,
    docExpansion: "list",
    tryItOutEnabled: true,
    validatorUrl: null,
  });
}

show();
