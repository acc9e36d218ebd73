"""An embedded batch server: OpenAI's Files and Batches API on loopback, with a store of its own.

It stands beside the rest of the package and is reached only by URL; from the package it imports
only the ground. `python -m openai_batch.local` starts it, `server.serve` is the same as a function.

    server      one process: its folder, lock and socket; stop says when it ends
    app         URLs -> handlers, the token; its parts are files_api, batches_api, upload, params,
                and refusal, which is how it says no
    runner      moves batches on: workers execute requests, a clerk validates and publishes
    open_batch  one batch in execution: which request is next, what came back
    results     a result as a line, and the log that finished requests survive in; usage sums them
    validate    everything that OpenAI would find wrong with an input file; endpoints lists them
    lifecycle   pure: status + event -> status
    store       SQLite (files, batches) and the files' contents; records are its rows
    executor    the seam: `execute(url, body) -> (status_code, body)`; echo, upstream, and llama,
                whose model weights finds

The folder (0700, files 0600):

    lock          held by the one server that works here; freed by its death, however it came
    server.json   base_url, token and pid of the running server; removed at a clean end. Stale ones
                  are recognised by asking `GET /v1/models` with the token
    store.db      SQLite (WAL, synchronous=FULL): a few writes a batch, none a request
    files/ID      the content of each file. The result logs of a running batch lie here too, under
                  the ids that its output and error file will have: they become files at the end,
                  in one transaction, without being copied

A finished request is one line, appended by one write to one of the batch's two logs, so it survives
the death of the process at once, and of the machine after a second at most (fsync in groups).

    died                        on disk                     the next server
    --------------------------  --------------------------  -------------------------------------
    during an upload            content without a row       removes it
    between upload and create   a file                      keeps it until it expires
    while validating            `validating`                validates again
    while executing             logs, perhaps a torn line   cuts the torn line off, counts what is
                                                            there, executes the rest
    while cancelling, expiring  `cancelling`, or past its   marks the rows that have no line yet
                                window; logs
    while finalizing            whole logs, no rows         publishes them: one transaction adds the
                                                            files and ends the batch
    after that                  a final status              nothing
"""
