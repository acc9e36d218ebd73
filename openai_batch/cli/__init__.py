"""The command line: arguments in, records and exit codes out. All printing is here."""
