"""A run's files at the provider: which there are, and deleting what nobody needs any more.

The journal names every file that was uploaded, and every result file that was seen. An upload
whose reply was lost has left a file that only its name makes known (see `label`).
"""

import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from queue import SimpleQueue

from ..clock import Clock
from ..errors import (
    CredentialsMissing,
    CredentialsRefused,
    FilesLeft,
    NotFound,
    ProviderError,
    ProviderRefused,
)
from ..providers.interface import BatchClient, BatchSnapshot
from .entries import (
    BatchSeen,
    Entry,
    RemoteDeletionStarted,
    RemoteFilesDeleted,
    Uploaded,
    UploadStarted,
)
from .journal import Journal
from .label import METADATA_KEY, Label
from .submit import LISTED_BEFORE_S, listed, was_refused

TRIES = 3
WAIT_S = 5.0
"""Between tries at what could not be deleted."""


@dataclass(frozen=True, slots=True)
class RemoteFiles:
    """The files of one run. `can_list` and `can_list_files` are the provider's."""

    journal: Journal
    client: BatchClient
    can_list: bool
    can_list_files: bool

    def delete_all(self, clock: Clock) -> int:
        """Delete every file of the run, and return how many there were. May be repeated.

        What was uploaded elsewhere, for a batch that was made elsewhere, is left alone. On return
        it is recorded that nothing can be fetched any more. Raises FilesLeft where some could not
        be deleted, NotFound where this key is shown none of them, and CredentialsRefused.
        """
        files = self._all()
        if not self.journal.state.remote_deletion_began:
            self._require_shown(files)
            self.journal.append(RemoteDeletionStarted(), at=clock.now())
        self._delete_each(files, clock)
        self.journal.append(RemoteFilesDeleted(), at=clock.now())
        return len(files)

    def _all(self) -> set[str]:
        history = list(self.journal.history())
        files = _results(history)
        if self.journal.info.made_elsewhere:
            return files | _uploaded(history, from_attempt=2)
        files |= _uploaded(history) | self._named()
        with contextlib.suppress(ProviderError):  # what the journal names is deleted anyway
            files |= self._of_batches()
        return files

    def _require_shown(self, files: set[str]) -> None:
        """Raise NotFound where a key that may be somebody else's would delete nothing at all."""
        for file_id in files:
            try:
                self.client.retrieve_file(file_id)
                return
            except NotFound as error:
                unknown = error
            except ProviderRefused:  # it has no such call
                return
        if files:
            raise NotFound(
                f"none of the {len(files)} files of {self.journal.info.run_id} is shown to this "
                f"key, and none was deleted: {unknown}"
            )

    def _delete_each(self, files: set[str], clock: Clock) -> None:
        left = dict.fromkeys(sorted(files), "")
        for again in range(TRIES):
            if again:
                clock.wait(SimpleQueue[None](), WAIT_S)
            left = {file_id: why for file_id in left if (why := self._delete(file_id))}
            if not left:
                return
        file_id, why = next(iter(left.items()))
        run_id = self.journal.info.run_id
        raise FilesLeft(
            f"{len(left)} of {len(files)} files of {run_id} are still at the provider: {file_id}: "
            f"{why}; `openai-batch download {run_id} --delete-remote` goes on"
        )

    def delete_orphans(self) -> int:
        """Delete input files that were uploaded in vain, and return how many. May be repeated.

        Looks for those that only their names make known where an upload got no reply. What fails
        is left alone: it costs nothing. For a run that is over. Raises ProviderError.
        """
        info = self.journal.info
        if info.made_elsewhere:
            return 0
        history = list(self.journal.history())
        shards = self.journal.state.shards.values()
        used = {attempt.file_id for shard in shards for attempt in shard.attempts}
        orphans = _uploaded(history) - used
        if _lost_uploads(history) and self.can_list:
            orphans |= self._named() - used
        if orphans and self.can_list:
            # Another machine may have gone on with the run, and its batches read its files.
            listing = listed(self.client, info)
            orphans -= {batch.input_file_id or "" for batch in listing if not was_refused(batch)}
        return sum(not self._delete(file_id) for file_id in orphans)

    def _delete(self, file_id: str) -> str:
        """Delete one file; say why that could not be, or nothing."""
        try:
            self.client.delete_file(file_id)
        except NotFound:
            return ""
        except (CredentialsMissing, CredentialsRefused):
            raise
        except ProviderError as error:
            return str(error)
        return ""

    def _named(self) -> set[str]:
        """The input files that bear the run's name, as far as the provider lists them."""
        info, found, after = self.journal.info, set[str](), None
        while self.can_list_files:
            try:
                files, next_after = self.client.list_files(after)
            except (CredentialsMissing, CredentialsRefused):
                raise
            except ProviderError:
                break
            labels = ((file.id, Label.parse(file.name)) for file in files)
            found |= {file_id for file_id, label in labels if label and label.run_id == info.run_id}
            oldest = info.created_at - LISTED_BEFORE_S
            all_older = all(file.created_at and file.created_at < oldest for file in files)
            if next_after in (None, after) or all_older:
                break
            after = next_after
        return found

    def _of_batches(self) -> set[str]:
        """The files of the run's batches, of which some may not be in this journal."""
        return {
            file_id
            for batch in self._batches()
            for file_id in (batch.input_file_id, batch.output_file_id, batch.error_file_id)
            if file_id
        }

    def _batches(self) -> Iterator[BatchSnapshot]:
        """The batches that bear the run's label. Raises what a page of the listing raises."""
        for batch in listed(self.client, self.journal.info) if self.can_list else ():
            label = Label.parse(batch.metadata.get(METADATA_KEY))
            if label and label.run_id == self.journal.info.run_id:
                yield batch


def _uploaded(history: Iterable[Entry], *, from_attempt: int = 1) -> set[str]:
    uploads = (entry for entry in history if isinstance(entry, Uploaded))
    return {e.file_id for e in uploads if e.file_id and e.attempt >= from_attempt}


def _results(history: Iterable[Entry]) -> set[str]:
    seen = (entry for entry in history if isinstance(entry, BatchSeen))
    return {
        file_id for look in seen for file_id in (look.output_file_id, look.error_file_id) if file_id
    }


def _lost_uploads(history: Iterable[Entry]) -> bool:
    """Whether some upload has no receipt."""
    open_uploads: Counter[tuple[int, int]] = Counter()
    for entry in history:
        if isinstance(entry, UploadStarted):
            open_uploads[entry.shard, entry.attempt] += 1
        elif isinstance(entry, Uploaded):
            open_uploads[entry.shard, entry.attempt] -= 1
    return any(open_uploads.values())
