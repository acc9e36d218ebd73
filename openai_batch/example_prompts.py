"""`python -m openai_batch.example_prompts`: the command `example-prompts`."""

from .cli.modules import entry

main = entry("example-prompts")

if __name__ == "__main__":
    main()
