"""Everything that openai-batch 0.3.4 had, and the test that holds each of it.

Names that begin with an underscore (`Batch._add_to_batch`, `providers._get_provider`,
`openai_batch._utils`) were never for callers, and neither were the modules' own imports.
"""

from typing import NamedTuple

NAMES = {
    "openai_batch": (
        "Batch",
        "__version__",
        "batch",
        "data_url",
        "get_provider_by_base_url",
        "providers",
        "wait",
    ),
    "openai_batch.batch": (
        "Batch",
        "BatchType",
        "FINISHED_STATES",
        "all_providers",
        "get_provider_by_model",
    ),
    "openai_batch.providers": (
        "Provider",
        "all_providers",
        "get_provider_by_base_url",
        "get_provider_by_model",
        "get_provider_by_name",
        "openai_models",
        "openai_provider",
        "parasail_provider",
    ),
    "openai_batch.example_prompts": ("ABSTRACTS", "ACTIONS", "SUBJECTS", "get_parser", "main"),
    "openai_batch.create_batch": ("Batch", "get_parser", "main"),  # published, never released
    "openai_batch.create_batch_input": ("Batch", "get_parser", "main"),
    "openai_batch.create_input": ("Batch", "get_parser", "main"),
    "openai_batch.run": ("get_parser", "main"),
}
"""The public names of each module."""

METHODS = (
    "add_to_batch",
    "auto_detect_provider",
    "download",
    "status",
    "submit",
    "submit_wait_download",
)

ATTRIBUTES = (
    "batch_id",
    "batch_type",
    "custom_id_prefix",
    "error_file",
    "model",
    "n_bytes",
    "n_requests",
    "output_file",
    "provider",
    "submission_input_file",
)

FLAGS = {
    "example_prompts": ("OUTPUT", "-n", "--embedding", "-e"),
    "create_batch_input": (
        "INPUT",
        "OUTPUT",
        "--model",
        "--embedding",
        "-e",
        "--score",
        "--rerank",
        "--provider",
        "-p",
    ),
    "run": (
        "INPUT",
        "--output-file",
        "-o",
        "--error-file",
        "-e",
        "--resume",
        "--create",
        "-c",
        "--dry-run",
        "-n",
        "--provider",
        "-p",
        "--base-url",
        "--api-key",
    ),
}
"""What each module took on its command line."""


class Row(NamedTuple):
    """One thing that a script may rely on."""

    item: str
    test: str
    """The file and the function that hold it."""
    differs: str = ""
    """What is not as it was, and why."""


_ONE_FILE = "more become several batches: a run has no limit"
_AS_FLAG = "legacy:test_parsers"

ROWS = (
    # The package
    Row("openai_batch.Batch", "library_examples:test_one_shot"),
    Row("openai_batch.__version__", "legacy:test_every_name_is_there"),
    Row("openai_batch.batch", "legacy:test_the_package_alone_brings_its_modules"),
    Row("openai_batch.providers", "legacy:test_the_package_alone_brings_its_modules"),
    Row("openai_batch.data_url", "library_examples:test_images"),
    Row("openai_batch.get_provider_by_base_url", "legacy:test_a_provider_by_its_address"),
    Row("openai_batch.wait", "library_resume:test_wait", "prints nothing: only commands print"),
    # Batch
    Row("openai_batch.batch.Batch", "library_examples:test_step_by_step"),
    Row("openai_batch.batch.BatchType", "legacy:test_kinds", "has more kinds"),
    Row("openai_batch.batch.FINISHED_STATES", "legacy:test_finished_states"),
    Row("openai_batch.batch.all_providers", "legacy:test_every_name_is_there"),
    Row("openai_batch.batch.get_provider_by_model", "legacy:test_every_name_is_there"),
    Row(
        "Batch.add_to_batch",
        "library_requests:test_each_kind_reaches_its_endpoint",
        "lines are compact JSON; `custom_id` names the request, where it was a parameter that "
        "providers refuse; `input` with a chat model goes to the Responses API, where it went to "
        "embeddings, which refuse it",
    ),
    Row(
        "Batch.submit",
        "library_resume:test_submitting_twice_sends_once",
        "twice sends once: nothing is paid twice; refusals are openai_batch.errors, not the SDK's",
    ),
    Row(
        "Batch.status",
        "library_results:test_status_callback",
        "`timeout` and `extra_body` are not used: a step of a run is more than one call",
    ),
    Row(
        "Batch.download",
        "library_results:test_default_names",
        "in input order, named batch_output.jsonl and batch_errors.jsonl, as published; no error "
        "file where nothing failed",
    ),
    Row(
        "Batch.download before the end",
        "library_resume:test_downloading_too_early",
    ),
    Row("Batch.download returns paths as named", "library_results:test_named_files_are_replaced"),
    Row(
        "Batch.submit_wait_download",
        "library_results:test_status_callback",
        "prints nothing: only commands print",
    ),
    Row(
        "Batch.auto_detect_provider",
        "legacy:test_a_provider_is_found",
        "asks for nothing where it is known already, where an assertion failed",
    ),
    Row("dry_run", "library_results:test_dry_run"),
    Row("metadata", "library_requests:test_metadata_reaches_the_provider"),
    Row("extra_headers, extra_query", "library_extras:test_extras_go_with_every_call"),
    Row("extra_body, timeout", "library_extras:test_body_and_timeout_are_accepted"),
    # Batch's input
    Row("over a path", "library_requests:test_requests_are_written_into_what_is_given"),
    Row("over an open text file", "library_requests:test_requests_are_written_into_what_is_given"),
    Row("over a StringIO", "library_requests:test_requests_are_written_into_what_is_given"),
    Row("over a BytesIO", "library_requests:test_requests_that_exist_are_sent_as_they_are"),
    Row("over a binary file", "library_requests:test_requests_that_exist_are_sent_as_they_are"),
    Row("over bytes", "library_requests:test_requests_that_exist_are_sent_as_they_are"),
    Row("over a closed file", "library_requests:test_a_file_that_the_caller_has_closed"),
    # Batch's attributes
    Row("Batch.batch_id", "legacy:test_attributes_may_be_set"),
    Row("Batch.batch_type", "legacy:test_the_kind_may_be_set"),
    Row("Batch.custom_id_prefix", "legacy:test_attributes_may_be_set"),
    Row("Batch.error_file", "legacy:test_attributes_may_be_set"),
    Row("Batch.model", "legacy:test_the_model_may_be_set"),
    Row("Batch.n_bytes", "library_requests:test_closing_loses_no_requests"),
    Row("Batch.n_requests", "legacy:test_attributes_may_be_set"),
    Row("Batch.output_file", "legacy:test_attributes_may_be_set"),
    Row("Batch.provider", "legacy:test_attributes_may_be_set"),
    Row(
        "Batch.submission_input_file",
        "legacy:test_the_submission_file_says_its_name",
        "a file that the batch opened itself is open for bytes, not for text: a request is "
        "written as it was given, in any locale",
    ),
    # Batch's refusals
    Row("ValueError: input and batch_id", "library_refusals:test_both_an_input_and_a_batch"),
    Row("ValueError: existing batch", "library_refusals:test_adding_to_an_existing_batch"),
    Row("ValueError: parameters", "library_refusals:test_parameters"),
    Row("ValueError: kinds", "library_refusals:test_one_kind_a_batch"),
    Row("ValueError: model", "library_refusals:test_one_model_where_the_provider_asks_for_it"),
    Row("ValueError: no requests", "library_refusals:test_nothing_to_submit"),
    Row("ValueError: not submitted", "library_refusals:test_nothing_was_submitted"),
    Row("ValueError: no provider", "library_refusals:test_a_batch_that_nobody_knows"),
    Row(
        "ValueError: too many requests",
        "library_results:test_past_one_file_a_batch_becomes_several",
        _ONE_FILE,
    ),
    Row(
        "ValueError: too many bytes",
        "library_results:test_past_one_file_a_batch_becomes_several",
        _ONE_FILE,
    ),
    # Providers
    Row(
        "openai_batch.providers.Provider",
        "legacy:test_a_provider_of_ones_own",
        "has more fields; without an address it is refused, where the key went to OpenAI",
    ),
    Row("Provider.__str__", "legacy:test_a_provider_as_text"),
    Row(
        "Provider.get_client",
        "legacy:test_the_sdk_of_a_provider",
        "never retries by itself: the SDK would create a batch twice",
    ),
    Row("openai_batch.providers.all_providers", "legacy:test_known_providers"),
    Row(
        "openai_batch.providers.openai_provider",
        "legacy:test_known_providers",
        "200 MB a file, which is what OpenAI takes by now",
    ),
    Row(
        "openai_batch.providers.parasail_provider",
        "legacy:test_known_providers",
        "500,000,000 bytes a file, which is safe whatever a megabyte is there",
    ),
    Row(
        "openai_batch.providers.openai_models",
        "legacy:test_models_of_openai",
        "names added to it change nothing: patterns say which models are whose",
    ),
    Row("openai_batch.providers.get_provider_by_name", "legacy:test_a_provider_by_its_name"),
    Row("openai_batch.providers.get_provider_by_model", "legacy:test_models_of_openai"),
    Row("openai_batch.providers.get_provider_by_base_url", "legacy:test_a_provider_by_its_address"),
    # Modules
    Row(
        "openai_batch.example_prompts.main",
        "library_modules:test_prompts_become_requests",
        "prompts are JSON objects, a line each: some have several lines",
    ),
    Row("openai_batch.example_prompts.ABSTRACTS", "legacy:test_texts_of_prompts", "other texts"),
    Row("openai_batch.example_prompts.ACTIONS", "legacy:test_texts_of_prompts", "other texts"),
    Row("openai_batch.example_prompts.SUBJECTS", "legacy:test_texts_of_prompts", "other texts"),
    Row("openai_batch.example_prompts.get_parser", _AS_FLAG),
    Row(
        "openai_batch.create_batch.main",
        "legacy:test_the_model_of_old",
        "without --model the provider's usual one, as `openai-batch create`",
    ),
    Row("openai_batch.create_batch.Batch", "library_modules:test_the_class_under_its_older_homes"),
    Row("openai_batch.create_batch.get_parser", _AS_FLAG),
    Row(
        "openai_batch.create_batch_input.main",
        "library_modules:test_prompts_become_requests",
        "empty lines are skipped, and lines of JSON are read as such unless --text is said",
    ),
    Row(
        "openai_batch.create_batch_input.Batch",
        "library_modules:test_the_class_under_its_older_homes",
    ),
    Row("openai_batch.create_batch_input.get_parser", _AS_FLAG),
    Row("openai_batch.create_input.main", "library_modules:test_prompts_become_requests"),
    Row("openai_batch.create_input.Batch", "library_modules:test_the_class_under_its_older_homes"),
    Row("openai_batch.create_input.get_parser", _AS_FLAG),
    Row(
        "openai_batch.run.main",
        "library_modules:test_run_returns_the_id",
        "prints records on standard output, and everything for people on standard error; an "
        "unfinished run of the same input stops it (exit 2) unless --new is said",
    ),
    Row(
        "openai_batch.run.main where requests failed",
        "library_modules:test_run_returns_the_id_where_requests_failed",
    ),
    Row(
        "python -m openai_batch.run where requests failed",
        "legacy:test_the_process_says_that_requests_failed",
        "exits with 3, as `openai-batch run`",
    ),
    Row("openai_batch.run.get_parser", _AS_FLAG),
    Row("main twice in a process", "legacy:test_twice_in_a_process"),
    Row("main without arguments", "library_modules:test_the_published_commands"),
    Row("the beginning of a flag", "legacy:test_the_beginning_of_a_flag_is_enough"),
    # Flags
    Row("example_prompts OUTPUT", "legacy:test_standard_streams"),
    Row("example_prompts -n", "library_modules:test_prompts_become_requests"),
    Row("example_prompts --embedding", "legacy:test_the_beginning_of_a_flag_is_enough"),
    Row("example_prompts -e", "library_modules:test_prompts_become_requests"),
    Row("create_batch_input INPUT", "legacy:test_standard_streams"),
    Row("create_batch_input OUTPUT", "legacy:test_standard_streams"),
    Row("create_batch_input --model", "legacy:test_the_model_of_old"),
    Row("create_batch_input --embedding", "legacy:test_the_beginning_of_a_flag_is_enough"),
    Row("create_batch_input -e", "library_modules:test_prompts_become_requests"),
    Row("create_batch_input --score", "library_modules:test_prompts_become_requests"),
    Row("create_batch_input --rerank", "library_modules:test_prompts_become_requests"),
    Row("create_batch_input --provider", "legacy:test_the_beginning_of_a_flag_is_enough"),
    Row("create_batch_input -p", "legacy:test_standard_streams"),
    Row("run INPUT", "legacy:test_twice_in_a_process"),
    Row("run --output-file", "legacy:test_files_are_replaced"),
    Row("run -o", "library_modules:test_create_then_resume"),
    Row("run --error-file", "legacy:test_files_are_replaced"),
    Row(
        "run -e",
        "library_modules:test_create_then_resume",
        "`-` is refused: it was to be standard error, and made a file of that name",
    ),
    Row(
        "run --resume",
        "library_modules:test_create_then_resume",
        "goes without --create, which it ignored",
    ),
    Row("run --create", "library_modules:test_create_then_resume"),
    Row("run -c", "legacy:test_twice_in_a_process"),
    Row(
        "run --dry-run",
        "library_modules:test_dry_run",
        "writes no empty files where results would go; exit 5 for an invalid input",
    ),
    Row("run -n", "library_modules:test_dry_run"),
    Row(
        "run --provider",
        "legacy:test_files_are_replaced",
        "without it the model says which provider is meant, as published; it was OpenAI",
    ),
    Row("run -p", "library_modules:test_create_then_resume"),
    Row("run --base-url", "legacy:test_an_address_and_a_key"),
    Row("run --api-key", "legacy:test_an_address_and_a_key"),
    # data_url
    Row("data_url of a path", "legacy:test_pictures"),
    Row("data_url of a file: URI", "legacy:test_pictures"),
    Row("data_url of a data: URL", "legacy:test_pictures"),
    Row("data_url of an http: URL", "legacy:test_a_picture_from_a_server"),
    Row("data_url of bytes", "legacy:test_pictures"),
    Row("data_url of a BytesIO", "legacy:test_pictures"),
    Row("data_url of an open file", "legacy:test_pictures"),
    Row("data_url of a PIL image", "legacy:test_a_drawn_picture"),
    Row("data_url ValueErrors", "legacy:test_no_pictures"),
)
