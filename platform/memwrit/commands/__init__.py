"""What the `memwrit` command does once Django is set up: one verb a file, each with `run(arguments) -> exit code`."""
