"""What we send: how a request is built, read from prompts, and checked before it leaves."""
