"""A run, from input to results.

What is on disk, under `<state directory>/runs/<run_id>/`:

    journal.db      what was decided, asked and answered (SQLite; see `journal`)
    lock            held by the process that drives the run, freed by its death
    driver.json     who that is, for the message that a second process gets
    spool/          requests and results as files, a few for each shard (see `spool`);
                    removed once the results are delivered

Every remote call that costs is bracketed in the journal: its *intent* is committed before the call,
its *receipt* after. What a new process does with what a dead one left behind:

    died                        on disk               what `resume` does
    --------------------------  --------------------  ---------------------------------------
    while planning              shards, no journal    removes them: nothing was sent
    during an upload            intent                uploads again (an orphan file is free)
    between `create` and        intent, file id       looks for the batch at the provider by
    recording its id                                  file id, or by run, rows and attempt,
                                                      until a grace after the intent; adopts
                                                      it, and creates only if there is none.
                                                      Where the provider cannot list: creates
                                                      under the same idempotency key, if it
                                                      documents one; else the outcome is unknown,
                                                      and `--resubmit` decides
    while batches run           batch ids             goes on polling
    between finding a second    both ids              finds it in the listing again, and
    batch and cancelling it                           cancels it
    during a download           a file half written   downloads again, checks every custom_id
    while halving a shard or    both, or neither      continues from what was committed
    planning a retry
    while merging, publishing   whole shards, intent  merges again from the first line, and
                                                      knows its own file by its content
    the state directory is      nothing               finds the run's batches by their labels
    lost, or another machine                          (see `label`, `recover`)
"""
