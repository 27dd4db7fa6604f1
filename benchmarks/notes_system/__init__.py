"""A small system of somebody's own, for the benchmarks: notes that people write and list."""
