"""The endpoints that a batch may be for, and what a request's body must hold for each."""

REQUIRED_BODY_FIELDS: dict[str, tuple[str, ...]] = {
    "/v1/chat/completions": ("model", "messages"),
    "/v1/completions": ("model", "prompt"),
    "/v1/embeddings": ("model", "input"),
    "/v1/responses": ("model",),  # `input` may be left out where `prompt` names a stored one
    "/v1/moderations": ("input",),  # the model has a default there
    "/v1/images/generations": ("prompt",),
    "/v1/images/edits": ("prompt",),
    "/v1/videos": ("prompt",),
    # Not OpenAI's; self-hosted servers have them, and so do clients that talk to both.
    "/v1/score": ("model",),
    "/v1/rerank": ("model", "query", "documents"),
}
EMBEDDINGS = "/v1/embeddings"
