"""The sides of the benchmark of tasks: each stores tasks in transactions and runs them, in one process."""
