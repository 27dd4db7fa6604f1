"""A small system for the GraphQL benchmark: posts, each with its author, and what is counted of one."""
