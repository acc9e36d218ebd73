"""What is written from the command tree: completion scripts, and the manual.

`python -m openai_batch.cli.documents` writes both of a checkout anew. Nothing else loads this, save
`openai-batch completion`.
"""
