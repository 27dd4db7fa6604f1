"""GraphQL: the schema, the plan of a document, and its execution."""
