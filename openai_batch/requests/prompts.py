"""Reading prompts, in whatever shape they come, and writing requests."""

from collections.abc import Iterable
from typing import Any, BinaryIO

from .. import jsonl
from ..errors import Fault, UsageError
from .build import request_line
from .custom_ids import CustomIds
from .faults import Faults, invalid_json, invalid_text, shown
from .prompt_options import PromptOptions, build_from_prompt
from .templates import Template, Templates
from .wrong_file import not_text, results, spread_json

_NOT_PLAIN = frozenset(b'{"[ \t')
"""First bytes of lines that may be JSON. All others are plain text without a closer look."""

_OBJECT = ord("{")


def write_requests(
    source: Iterable[bytes],
    target: BinaryIO,
    options: PromptOptions,
    input_name: str | None = None,
) -> int:
    """Write a request to `target` for each prompt in `source`; return their number.

    Lines are told apart one by one: a JSON string, a JSON object with parameters of the request, a
    JSON array of messages, a whole request, which is passed through as it is, or else plain text.
    Empty lines are skipped. Memory does not grow with the number of lines.

    Raises InputInvalid with the faults of all lines. Requests before the first faulty line may
    have been written by then, and the caller must not let them pass for the whole (see
    `files.whole_or_cut`). Raises UsageError where the options cannot make requests at all.
    """
    faults = Faults()
    maker = _RequestMaker(options, faults)
    head, blocks = jsonl.peek(source)
    if wrong := _wrong_file(head, options):
        faults.add(wrong)
    for block in () if wrong else blocks:
        requests = maker.requests(block)
        if not faults.count:
            target.writelines(requests)
    if invalid := faults.verdict(input_name, "the requests were not written to their end"):
        raise invalid
    return maker.ids.count


def _wrong_file(head: bytes, options: PromptOptions) -> Fault | None:
    if options.plain_text:
        return not_text(head)
    return not_text(head) or spread_json(head) or results(head)


class _RequestMaker:
    """Makes requests out of lines. Faulty lines are reported and left out."""

    def __init__(self, options: PromptOptions, faults: Faults):
        self.ids = CustomIds(options.custom_id_prefix, faults.add)
        self._options = options
        self._faults = faults
        self._templates = Templates(options)
        self._text_template: Template | None = None
        prefix = jsonl.dumps(options.custom_id_prefix)[:-1].replace(b"%", b"%%")
        self._given_id = b'%b-%%d"' % prefix
        self._short_numbers = False
        self._line = 1

    def requests(self, block: bytes) -> list[bytes]:
        """The requests that the next lines ask for, newlines included."""
        # Looking for long numbers once a block takes a tenth of looking for them in each line.
        self._short_numbers = not jsonl.has_long_number(block)
        plain_text = self._options.plain_text
        made = []
        lines = block.removesuffix(b"\n").split(b"\n")
        for line_number, line in enumerate(lines, self._line):
            content = line.rstrip(b" \t\r")
            if not content:
                continue
            if plain_text or content[0] not in _NOT_PLAIN:
                request = self._from_plain(content, line_number)
            elif content[0] == _OBJECT:
                request = self._from_object(content, line_number)
            else:
                request = self._from_line(content, line_number)
            if request is not None:
                made.append(request)
        self._line += len(lines)
        return made

    def _from_line(self, content: bytes, line_number: int) -> bytes | None:
        match content.lstrip(b" \t")[:1]:
            case b"{":
                return self._from_object(content, line_number)
            case b'"' if isinstance(text := self._parse_or_none(content), str):
                return self._from_text(text, line_number)
            case b"[" if _are_messages(messages := self._parse_or_none(content)):
                return self._from_prompt({"messages": messages}, None, line_number)
        return self._from_plain(content, line_number)

    def _from_plain(self, content: bytes, line_number: int) -> bytes | None:
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError as error:
            self._faults.add(invalid_text(line_number, content, error))
            return None
        return self._from_text(text, line_number)

    def _from_text(self, text: str, line_number: int) -> bytes:
        """The request for a prompt that is nothing but a text."""
        template = self._text_template
        if template is None:
            template = self._text_template = self._make_text_template(text)
        return template.line % (self._given_id % self.ids.give(line_number), jsonl.dumps(text))

    def _make_text_template(self, text: str) -> Template:
        """Raises UsageError where the options make a request of no text, whatever it says."""
        try:
            build_from_prompt({"prompt": text}, self._options)
        except ValueError as error:
            raise UsageError(f"cannot make requests out of text: {error}") from None
        template = self._templates.fitting({"prompt": text})
        assert template is not None
        return template

    def _from_object(self, content: bytes, line_number: int) -> bytes | None:
        try:
            prompt = jsonl.parse_exactly(content, short_numbers=self._short_numbers)
        except ValueError as error:
            mend = "say --text if the lines are plain text"
            self._faults.add(invalid_json(line_number, content, error, mend))
            return None
        custom_id = prompt.pop("custom_id", None)
        if custom_id is not None and not (isinstance(custom_id, str) and custom_id):
            message = f"custom_id must be a string that is not empty, not {shown(custom_id)}"
            self._faults.add(Fault("invalid_request", message, line_number, "custom_id"))
            return None
        if "url" not in prompt or "body" not in prompt:
            return self._from_prompt(prompt, custom_id, line_number)
        if custom_id is None:
            message = 'the request has no `custom_id`; give it one, such as "line-1"'
            fault = Fault("missing_required_parameter", message, line_number, "custom_id")
            self._faults.add(fault)
            return None
        self.ids.bring(custom_id, line_number)
        return content.lstrip(b" \t") + b"\n"

    def _from_prompt(
        self, prompt: dict[str, Any], custom_id: str | None, line_number: int
    ) -> bytes | None:
        if custom_id is None:
            json_id = self._given_id % self.ids.give(line_number)
        else:
            self.ids.bring(custom_id, line_number)
            json_id = jsonl.dumps(custom_id)
        try:
            if template := self._templates.fitting(prompt):
                return template.fill(json_id, prompt)
            url, body = build_from_prompt(prompt, self._options)
            return request_line(jsonl.parse(json_id), url, body) + b"\n"
        except (ValueError, RecursionError) as error:
            message = "nested too deeply" if isinstance(error, RecursionError) else str(error)
            self._faults.add(Fault("invalid_request", message, line_number))
            return None

    def _parse_or_none(self, content: bytes) -> Any:
        try:
            return jsonl.parse_exactly(content, short_numbers=self._short_numbers)
        except ValueError:
            return None


def _are_messages(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) > 0
        and all(isinstance(item, dict) and "role" in item for item in value)
    )
