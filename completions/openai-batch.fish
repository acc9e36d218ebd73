# fish completion for openai-batch, written by `python -m openai_batch.cli.documents`

# The options of a command that want a value.
function __openai_batch_valued
    switch $argv[1]
        case example-prompts
            string split ' ' -- '-n --number --seed'
        case create
            string split ' ' -- '--model -p --provider --system --param --score --rerank --custom-id-prefix'
        case validate
            string split ' ' -- '-p --provider --base-url --state-dir'
        case run
            string split ' ' -- '-o --output-file -e --error-file --resume -p --provider --base-url --api-key --interval --timeout --metadata --completion-window --shard-requests --shard-bytes --max-in-flight --max-attempts --max-cost --max-tokens --max-requests --price-in --price-out --state-dir'
        case status
            string split ' ' -- '--interval -p --provider --base-url --api-key --state-dir'
        case download
            string split ' ' -- '-o --output-file -e --error-file -p --provider --base-url --api-key --state-dir'
        case resume
            string split ' ' -- '-o --output-file -e --error-file -p --provider --base-url --api-key --interval --timeout --max-in-flight --max-cost --max-tokens --price-in --price-out --state-dir'
        case list
            string split ' ' -- '--older-than -p --provider --base-url --api-key --state-dir'
        case cancel
            string split ' ' -- '-p --provider --base-url --api-key --interval --timeout --state-dir'
        case retry
            string split ' ' -- '--only -o --output-file -e --error-file -p --provider --base-url --api-key --interval --timeout --max-in-flight --max-cost --max-tokens --max-requests --price-in --price-out --state-dir'
        case sample
            string split ' ' -- '-n --number --fraction --seed -o --output-file'
        case join
            string split ' ' -- '--only -o --output-file'
        case stats
            string split ' ' -- ''
        case serve
            string split ' ' -- '--port --model-file --executor --upstream --parallel --max-output-tokens --data --state-dir'
        case completion
            string split ' ' -- ''
    end
end

# Offers values that are always the same.
function __openai_batch_words # KIND
    switch $argv[1]
        case executors
            printf '%s\t%s\n' llama 'a model file, with llama.cpp' upstream 'another server' echo 'the request itself, as a test'
        case outcomes
            printf '%s\t%s\n' succeeded 'a good answer came back' failed 'an error came back' missing 'nothing came back'
        case reasons
            printf '%s\t%s\n' missing 'the provider returned nothing for it'
        case shells
            printf '%s\t%s\n' bash '' zsh '' fish ''
    end
end

# Sets `command`, how many arguments it was `given` so far, and `state_dir`.
function __openai_batch_read --no-scope-shadowing
    set command ''
    set given 0
    set state_dir ''
    set -l valued
    set -l option ''
    set -l only_arguments no
    for word in (commandline -opc)[2..-1]
        if test -n "$option"
            test $option = --state-dir; and set state_dir $word
            set option ''
        else if test $only_arguments = no; and string match -q -- '-?*' $word
            if test "$word" = --
                set only_arguments yes
            else if string match -q -- '--state-dir=*' $word
                set state_dir (string replace -- --state-dir= '' $word)
            else if contains -- $word $valued
                set option $word
            end
        else if test -z "$command"
            set command $word
            set valued (__openai_batch_valued $command)
        else
            set given (math $given + 1)
        end
    end
end

# Whether COMMAND is being typed, and, where PLACE is named, its argument of that number (2+: or a
# later one).
function __openai_batch_at # COMMAND [PLACE]
    set -l command
    set -l given
    set -l state_dir
    __openai_batch_read
    test "$command" = "$argv[1]"; or return 1
    set -q argv[2]; or return 0
    set -l next (math $given + 1)
    test "$next" = $argv[2]; and return 0
    string match -q -- '*+' $argv[2]; and test $next -ge (string trim -c + -- $argv[2])
end

# Offers what only the program knows, each value with its description.
function __openai_batch_ask # KIND
    set -l command
    set -l given
    set -l state_dir
    __openai_batch_read
    set -l program (string replace -r '^~/' "$HOME/" -- (commandline -opc)[1])
    $program __complete $argv[1] $state_dir 2>/dev/null </dev/null
end

complete -c openai-batch -e
complete -c openai-batch -f
complete -c openai-batch -n '__openai_batch_at \'\'' -l version -d 'Show the version and exit.'
complete -c openai-batch -n '__openai_batch_at \'\'' -s h -l help -d 'Show this message and exit.'
complete -c openai-batch -n '__openai_batch_at \'\'' -a example-prompts -d 'Write example prompts that `create` takes as they are.'
complete -c openai-batch -n '__openai_batch_at \'\'' -a create -d 'Make requests out of prompts, one a line.'
complete -c openai-batch -n '__openai_batch_at \'\'' -a validate -d 'Check requests by their provider\'s rules, and print what they hold.'
complete -c openai-batch -n '__openai_batch_at \'\'' -a run -d 'Send requests and bring every result back.'
complete -c openai-batch -n '__openai_batch_at \'\'' -a status -d 'Ask how runs are, and print a record each.'
complete -c openai-batch -n '__openai_batch_at \'\'' -a download -d 'Fetch results of what has ended, in input order.'
complete -c openai-batch -n '__openai_batch_at \'\'' -a resume -d 'Go on with a run where it stopped.'
complete -c openai-batch -n '__openai_batch_at \'\'' -a list -d 'List the runs of this machine, oldest first.'
complete -c openai-batch -n '__openai_batch_at \'\'' -a cancel -d 'End runs, and keep what was finished.'
complete -c openai-batch -n '__openai_batch_at \'\'' -a retry -d 'Send failed requests again, as a new run.'
complete -c openai-batch -n '__openai_batch_at \'\'' -a sample -d 'Draw lines at random, to try something on a few of millions before it is done with all.'
complete -c openai-batch -n '__openai_batch_at \'\'' -a join -d 'Put every request beside its result, by custom_id, whatever the order of the results.'
complete -c openai-batch -n '__openai_batch_at \'\'' -a stats -d 'Tell what a file of requests or results holds: how many, how large, and of what kinds.'
complete -c openai-batch -n '__openai_batch_at \'\'' -a serve -d 'Run a batch server on this machine.'
complete -c openai-batch -n '__openai_batch_at \'\'' -a completion -d 'Print a shell\'s completion script.'
complete -c openai-batch -n '__openai_batch_at example-prompts' -s n -l number -r -f -d 'How many prompts.'
complete -c openai-batch -n '__openai_batch_at example-prompts' -s e -l embedding -d 'Documents to embed, instead of questions.'
complete -c openai-batch -n '__openai_batch_at example-prompts' -l seed -r -f -d 'The same seed gives the same prompts.'
complete -c openai-batch -n '__openai_batch_at example-prompts' -s h -l help -d 'Show this message and exit.'
complete -c openai-batch -n '__openai_batch_at example-prompts 1' -F
complete -c openai-batch -n '__openai_batch_at create' -l model -r -f -k -a '(__openai_batch_ask models)' -d 'For prompts that name none [the provider\'s usual model].'
complete -c openai-batch -n '__openai_batch_at create' -s p -l provider -r -f -k -a '(__openai_batch_ask providers)' -d 'Who executes: openai, parasail, local, …'
complete -c openai-batch -n '__openai_batch_at create' -l system -r -f -d 'System message where a prompt has none.'
complete -c openai-batch -n '__openai_batch_at create' -l param -r -f -d 'A parameter of every request, such as temperature=0; may be repeated. VALUE is JSON, or else a string. A prompt\'s own parameters come first.'
complete -c openai-batch -n '__openai_batch_at create' -s e -l embedding -d 'Make embeddings requests.'
complete -c openai-batch -n '__openai_batch_at create' -l responses -d 'Make requests for the Responses API.'
complete -c openai-batch -n '__openai_batch_at create' -l score -r -f -d 'Make score requests: TEXT against each prompt.'
complete -c openai-batch -n '__openai_batch_at create' -l rerank -r -f -d 'Make rerank requests: QUERY against each prompt.'
complete -c openai-batch -n '__openai_batch_at create' -l text -d 'Take every line as plain text, also what looks like JSON.'
complete -c openai-batch -n '__openai_batch_at create' -l custom-id-prefix -r -f -d 'Requests are PREFIX-1, PREFIX-2, …'
complete -c openai-batch -n '__openai_batch_at create' -s h -l help -d 'Show this message and exit.'
complete -c openai-batch -n '__openai_batch_at create 1' -F
complete -c openai-batch -n '__openai_batch_at create 2' -F
complete -c openai-batch -n '__openai_batch_at validate' -s p -l provider -r -f -k -a '(__openai_batch_ask providers)' -d 'Who executes: openai, parasail, local, …'
complete -c openai-batch -n '__openai_batch_at validate' -l base-url -r -f -d 'Where the provider\'s API is.'
complete -c openai-batch -n '__openai_batch_at validate' -s q -l quiet -d 'Say nothing on standard error but errors.'
complete -c openai-batch -n '__openai_batch_at validate' -l state-dir -r -f -a '(__fish_complete_directories)' -d 'Where runs are kept [$OPENAI_BATCH_HOME].'
complete -c openai-batch -n '__openai_batch_at validate' -s h -l help -d 'Show this message and exit.'
complete -c openai-batch -n '__openai_batch_at validate 1' -F
complete -c openai-batch -n '__openai_batch_at run' -s o -l output-file -r -F -d 'Results; `-` is standard output.'
complete -c openai-batch -n '__openai_batch_at run' -s e -l error-file -r -F -d 'Failed requests, taken out of the results.'
complete -c openai-batch -n '__openai_batch_at run' -s c -l create -d 'Submit, print the run\'s record, and leave.'
complete -c openai-batch -n '__openai_batch_at run' -s n -l dry-run -d 'Send nothing; print what would be sent, and faults.'
complete -c openai-batch -n '__openai_batch_at run' -l resume -r -f -k -a '(__openai_batch_ask runs)' -d 'Continue a run: the same as `resume ID`.'
complete -c openai-batch -n '__openai_batch_at run' -s p -l provider -r -f -k -a '(__openai_batch_ask providers)' -d 'Who executes: openai, parasail, local, …'
complete -c openai-batch -n '__openai_batch_at run' -l base-url -r -f -d 'Where the provider\'s API is.'
complete -c openai-batch -n '__openai_batch_at run' -l api-key -r -f -d 'The key; better kept in the provider\'s variable.'
complete -c openai-batch -n '__openai_batch_at run' -l interval -r -f -d 'Look every S seconds [0.5, growing to 60].'
complete -c openai-batch -n '__openai_batch_at run' -l timeout -r -f -d 'Wait S seconds in all, then exit 7 [no end].'
complete -c openai-batch -n '__openai_batch_at run' -l metadata -r -f -d 'Kept with each batch; repeatable.'
complete -c openai-batch -n '__openai_batch_at run' -l completion-window -r -f -k -a '(__openai_batch_ask windows)' -d 'How long batches may take [24h].'
complete -c openai-batch -n '__openai_batch_at run' -l shard-requests -r -f -d 'At most N requests a batch [the provider\'s limit].'
complete -c openai-batch -n '__openai_batch_at run' -l shard-bytes -r -f -d 'At most so many bytes a batch, as in 100MB [the provider\'s limit].'
complete -c openai-batch -n '__openai_batch_at run' -l max-in-flight -r -f -d 'At most N batches at a time [all].'
complete -c openai-batch -n '__openai_batch_at run' -l max-attempts -r -f -d 'Send a request N times in all [3].'
complete -c openai-batch -n '__openai_batch_at run' -l max-cost -r -f -d 'Send nothing that may cost more in all, further attempts included.'
complete -c openai-batch -n '__openai_batch_at run' -l max-tokens -r -f -d 'Send nothing that may take more tokens in all, in and out.'
complete -c openai-batch -n '__openai_batch_at run' -l max-requests -r -f -d 'Send nothing where there are more requests.'
complete -c openai-batch -n '__openai_batch_at run' -l price-in -r -f -d 'What a batch costs for a million input tokens [the price list\'s].'
complete -c openai-batch -n '__openai_batch_at run' -l price-out -r -f -d 'The same for a million output tokens.'
complete -c openai-batch -n '__openai_batch_at run' -l new -d 'Go on although an unfinished run has the same input.'
complete -c openai-batch -n '__openai_batch_at run' -l delete-remote -d 'Delete the run\'s files at the provider, once its results are delivered.'
complete -c openai-batch -n '__openai_batch_at run' -l force -d 'Replace output files that exist.'
complete -c openai-batch -n '__openai_batch_at run' -s q -l quiet -d 'Say nothing on standard error but errors.'
complete -c openai-batch -n '__openai_batch_at run' -l state-dir -r -f -a '(__fish_complete_directories)' -d 'Where runs are kept [$OPENAI_BATCH_HOME].'
complete -c openai-batch -n '__openai_batch_at run' -s h -l help -d 'Show this message and exit.'
complete -c openai-batch -n '__openai_batch_at run 1' -F
complete -c openai-batch -n '__openai_batch_at status' -l exit-status -d 'Exit 8 while anything runs, 7 where only `resume` can go on, 6 where the provider refused.'
complete -c openai-batch -n '__openai_batch_at status' -l watch -d 'Look again and again until nothing is running.'
complete -c openai-batch -n '__openai_batch_at status' -l interval -r -f -d 'With --watch: look every S seconds [30].'
complete -c openai-batch -n '__openai_batch_at status' -s p -l provider -r -f -k -a '(__openai_batch_ask providers)' -d 'Who executes: openai, parasail, local, …'
complete -c openai-batch -n '__openai_batch_at status' -l base-url -r -f -d 'Where the provider\'s API is.'
complete -c openai-batch -n '__openai_batch_at status' -l api-key -r -f -d 'The key; better kept in the provider\'s variable.'
complete -c openai-batch -n '__openai_batch_at status' -s q -l quiet -d 'Say nothing on standard error but errors.'
complete -c openai-batch -n '__openai_batch_at status' -l state-dir -r -f -a '(__fish_complete_directories)' -d 'Where runs are kept [$OPENAI_BATCH_HOME].'
complete -c openai-batch -n '__openai_batch_at status' -s h -l help -d 'Show this message and exit.'
complete -c openai-batch -n '__openai_batch_at status 1+' -f -k -a '(__openai_batch_ask runs)'
complete -c openai-batch -n '__openai_batch_at download' -s o -l output-file -r -F -d 'Results; `-` is standard output.'
complete -c openai-batch -n '__openai_batch_at download' -s e -l error-file -r -F -d 'Failed requests, taken out of the results.'
complete -c openai-batch -n '__openai_batch_at download' -l partial -d 'Take what there is now; the rest is left out.'
complete -c openai-batch -n '__openai_batch_at download' -s p -l provider -r -f -k -a '(__openai_batch_ask providers)' -d 'Who executes: openai, parasail, local, …'
complete -c openai-batch -n '__openai_batch_at download' -l base-url -r -f -d 'Where the provider\'s API is.'
complete -c openai-batch -n '__openai_batch_at download' -l api-key -r -f -d 'The key; better kept in the provider\'s variable.'
complete -c openai-batch -n '__openai_batch_at download' -l delete-remote -d 'Delete the run\'s files at the provider, once its results are delivered.'
complete -c openai-batch -n '__openai_batch_at download' -l force -d 'Replace output files that exist.'
complete -c openai-batch -n '__openai_batch_at download' -s q -l quiet -d 'Say nothing on standard error but errors.'
complete -c openai-batch -n '__openai_batch_at download' -l state-dir -r -f -a '(__fish_complete_directories)' -d 'Where runs are kept [$OPENAI_BATCH_HOME].'
complete -c openai-batch -n '__openai_batch_at download' -s h -l help -d 'Show this message and exit.'
complete -c openai-batch -n '__openai_batch_at download 1+' -f -k -a '(__openai_batch_ask runs)'
complete -c openai-batch -n '__openai_batch_at resume' -s o -l output-file -r -F -d 'Results; `-` is standard output.'
complete -c openai-batch -n '__openai_batch_at resume' -s e -l error-file -r -F -d 'Failed requests, taken out of the results.'
complete -c openai-batch -n '__openai_batch_at resume' -s p -l provider -r -f -k -a '(__openai_batch_ask providers)' -d 'Who executes: openai, parasail, local, …'
complete -c openai-batch -n '__openai_batch_at resume' -l base-url -r -f -d 'Where the provider\'s API is.'
complete -c openai-batch -n '__openai_batch_at resume' -l api-key -r -f -d 'The key; better kept in the provider\'s variable.'
complete -c openai-batch -n '__openai_batch_at resume' -l interval -r -f -d 'Look every S seconds [0.5, growing to 60].'
complete -c openai-batch -n '__openai_batch_at resume' -l timeout -r -f -d 'Wait S seconds in all, then exit 7 [no end].'
complete -c openai-batch -n '__openai_batch_at resume' -l max-in-flight -r -f -d 'At most N batches at a time [all].'
complete -c openai-batch -n '__openai_batch_at resume' -l max-cost -r -f -d 'Send nothing that may cost more in all, further attempts included.'
complete -c openai-batch -n '__openai_batch_at resume' -l max-tokens -r -f -d 'Send nothing that may take more tokens in all, in and out.'
complete -c openai-batch -n '__openai_batch_at resume' -l price-in -r -f -d 'What a batch costs for a million input tokens [the price list\'s].'
complete -c openai-batch -n '__openai_batch_at resume' -l price-out -r -f -d 'The same for a million output tokens.'
complete -c openai-batch -n '__openai_batch_at resume' -l resubmit -d 'Send again what may have been executed, and paid, already.'
complete -c openai-batch -n '__openai_batch_at resume' -l retry -d 'Send failed requests of a cancelled or foreign batch again.'
complete -c openai-batch -n '__openai_batch_at resume' -l delete-remote -d 'Delete the run\'s files at the provider, once its results are delivered.'
complete -c openai-batch -n '__openai_batch_at resume' -l force -d 'Replace output files that exist.'
complete -c openai-batch -n '__openai_batch_at resume' -s q -l quiet -d 'Say nothing on standard error but errors.'
complete -c openai-batch -n '__openai_batch_at resume' -l state-dir -r -f -a '(__fish_complete_directories)' -d 'Where runs are kept [$OPENAI_BATCH_HOME].'
complete -c openai-batch -n '__openai_batch_at resume' -s h -l help -d 'Show this message and exit.'
complete -c openai-batch -n '__openai_batch_at resume 1' -f -k -a '(__openai_batch_ask runs)'
complete -c openai-batch -n '__openai_batch_at resume 2' -F
complete -c openai-batch -n '__openai_batch_at list' -l unfinished -d 'Only runs whose results are still to come.'
complete -c openai-batch -n '__openai_batch_at list' -l prune -d 'Remove runs that are over from this machine.'
complete -c openai-batch -n '__openai_batch_at list' -l older-than -r -f -d 'Only runs older than this.'
complete -c openai-batch -n '__openai_batch_at list' -l delete-remote -d 'With --prune: also their files at the provider.'
complete -c openai-batch -n '__openai_batch_at list' -s p -l provider -r -f -k -a '(__openai_batch_ask providers)' -d 'Who executes: openai, parasail, local, …'
complete -c openai-batch -n '__openai_batch_at list' -l base-url -r -f -d 'Where the provider\'s API is.'
complete -c openai-batch -n '__openai_batch_at list' -l api-key -r -f -d 'The key; better kept in the provider\'s variable.'
complete -c openai-batch -n '__openai_batch_at list' -s q -l quiet -d 'Say nothing on standard error but errors.'
complete -c openai-batch -n '__openai_batch_at list' -l state-dir -r -f -a '(__fish_complete_directories)' -d 'Where runs are kept [$OPENAI_BATCH_HOME].'
complete -c openai-batch -n '__openai_batch_at list' -s h -l help -d 'Show this message and exit.'
complete -c openai-batch -n '__openai_batch_at cancel' -l wait -d 'Until the batches have ended, and fetch what they did.'
complete -c openai-batch -n '__openai_batch_at cancel' -s p -l provider -r -f -k -a '(__openai_batch_ask providers)' -d 'Who executes: openai, parasail, local, …'
complete -c openai-batch -n '__openai_batch_at cancel' -l base-url -r -f -d 'Where the provider\'s API is.'
complete -c openai-batch -n '__openai_batch_at cancel' -l api-key -r -f -d 'The key; better kept in the provider\'s variable.'
complete -c openai-batch -n '__openai_batch_at cancel' -l interval -r -f -d 'Look every S seconds [0.5, growing to 60].'
complete -c openai-batch -n '__openai_batch_at cancel' -l timeout -r -f -d 'Wait S seconds in all, then exit 7 [no end].'
complete -c openai-batch -n '__openai_batch_at cancel' -s q -l quiet -d 'Say nothing on standard error but errors.'
complete -c openai-batch -n '__openai_batch_at cancel' -l state-dir -r -f -a '(__fish_complete_directories)' -d 'Where runs are kept [$OPENAI_BATCH_HOME].'
complete -c openai-batch -n '__openai_batch_at cancel' -s h -l help -d 'Show this message and exit.'
complete -c openai-batch -n '__openai_batch_at cancel 1+' -f -k -a '(__openai_batch_ask runs)'
complete -c openai-batch -n '__openai_batch_at retry' -l only -r -f -k -a '(__openai_batch_words reasons)' -d 'Only these: an HTTP status, an error code, or `missing`; repeatable.'
complete -c openai-batch -n '__openai_batch_at retry' -l print -d 'Print the requests, and send nothing.'
complete -c openai-batch -n '__openai_batch_at retry' -s c -l create -d 'Submit, print the run\'s record, and leave.'
complete -c openai-batch -n '__openai_batch_at retry' -s n -l dry-run -d 'Send nothing; print what would be sent, and faults.'
complete -c openai-batch -n '__openai_batch_at retry' -s o -l output-file -r -F -d 'Results; `-` is standard output.'
complete -c openai-batch -n '__openai_batch_at retry' -s e -l error-file -r -F -d 'Failed requests, taken out of the results.'
complete -c openai-batch -n '__openai_batch_at retry' -s p -l provider -r -f -k -a '(__openai_batch_ask providers)' -d 'Who executes: openai, parasail, local, …'
complete -c openai-batch -n '__openai_batch_at retry' -l base-url -r -f -d 'Where the provider\'s API is.'
complete -c openai-batch -n '__openai_batch_at retry' -l api-key -r -f -d 'The key; better kept in the provider\'s variable.'
complete -c openai-batch -n '__openai_batch_at retry' -l interval -r -f -d 'Look every S seconds [0.5, growing to 60].'
complete -c openai-batch -n '__openai_batch_at retry' -l timeout -r -f -d 'Wait S seconds in all, then exit 7 [no end].'
complete -c openai-batch -n '__openai_batch_at retry' -l max-in-flight -r -f -d 'At most N batches at a time [all].'
complete -c openai-batch -n '__openai_batch_at retry' -l max-cost -r -f -d 'Send nothing that may cost more in all, further attempts included.'
complete -c openai-batch -n '__openai_batch_at retry' -l max-tokens -r -f -d 'Send nothing that may take more tokens in all, in and out.'
complete -c openai-batch -n '__openai_batch_at retry' -l max-requests -r -f -d 'Send nothing where there are more requests.'
complete -c openai-batch -n '__openai_batch_at retry' -l price-in -r -f -d 'What a batch costs for a million input tokens [the price list\'s].'
complete -c openai-batch -n '__openai_batch_at retry' -l price-out -r -f -d 'The same for a million output tokens.'
complete -c openai-batch -n '__openai_batch_at retry' -l delete-remote -d 'Delete the run\'s files at the provider, once its results are delivered.'
complete -c openai-batch -n '__openai_batch_at retry' -l force -d 'Replace output files that exist.'
complete -c openai-batch -n '__openai_batch_at retry' -s q -l quiet -d 'Say nothing on standard error but errors.'
complete -c openai-batch -n '__openai_batch_at retry' -l state-dir -r -f -a '(__fish_complete_directories)' -d 'Where runs are kept [$OPENAI_BATCH_HOME].'
complete -c openai-batch -n '__openai_batch_at retry' -s h -l help -d 'Show this message and exit.'
complete -c openai-batch -n '__openai_batch_at retry 1' -f -k -a '(__openai_batch_ask runs)'
complete -c openai-batch -n '__openai_batch_at sample' -s n -l number -r -f -d 'How many lines.'
complete -c openai-batch -n '__openai_batch_at sample' -l fraction -r -f -d 'Instead: each line with this probability, such as 0.01.'
complete -c openai-batch -n '__openai_batch_at sample' -l seed -r -f -d 'The same seed draws the same lines [random].'
complete -c openai-batch -n '__openai_batch_at sample' -s o -l output-file -r -F -d 'The lines; `-` is standard output.'
complete -c openai-batch -n '__openai_batch_at sample' -l force -d 'Replace FILE if it exists.'
complete -c openai-batch -n '__openai_batch_at sample' -s q -l quiet -d 'Say nothing on standard error but errors.'
complete -c openai-batch -n '__openai_batch_at sample' -s h -l help -d 'Show this message and exit.'
complete -c openai-batch -n '__openai_batch_at sample 1' -F
complete -c openai-batch -n '__openai_batch_at join' -l only -r -f -k -a '(__openai_batch_words outcomes)' -d 'Only requests that `succeeded`, `failed` or are `missing`; may be repeated.'
complete -c openai-batch -n '__openai_batch_at join' -s o -l output-file -r -F -d 'The pairs; `-` is standard output.'
complete -c openai-batch -n '__openai_batch_at join' -l force -d 'Replace FILE if it exists.'
complete -c openai-batch -n '__openai_batch_at join' -s q -l quiet -d 'Say nothing on standard error but errors.'
complete -c openai-batch -n '__openai_batch_at join' -s h -l help -d 'Show this message and exit.'
complete -c openai-batch -n '__openai_batch_at join 1' -F
complete -c openai-batch -n '__openai_batch_at join 2+' -F
complete -c openai-batch -n '__openai_batch_at stats' -s q -l quiet -d 'Say nothing on standard error but errors.'
complete -c openai-batch -n '__openai_batch_at stats' -s h -l help -d 'Show this message and exit.'
complete -c openai-batch -n '__openai_batch_at stats 1' -F
complete -c openai-batch -n '__openai_batch_at serve' -l port -r -f -d 'The port; 0 takes a free one.'
complete -c openai-batch -n '__openai_batch_at serve' -l model-file -r -F -d 'A GGUF file with the weights.'
complete -c openai-batch -n '__openai_batch_at serve' -l executor -r -f -k -a '(__openai_batch_words executors)' -d 'llama (a model file), upstream, or echo (a test).'
complete -c openai-batch -n '__openai_batch_at serve' -l upstream -r -f -d 'Send each request on to this server.'
complete -c openai-batch -n '__openai_batch_at serve' -l parallel -r -f -d 'Requests at a time.'
complete -c openai-batch -n '__openai_batch_at serve' -l max-output-tokens -r -f -d 'Where a request names no limit.'
complete -c openai-batch -n '__openai_batch_at serve' -l data -r -f -a '(__fish_complete_directories)' -d 'Where its files and batches are kept.'
complete -c openai-batch -n '__openai_batch_at serve' -s q -l quiet -d 'Say nothing on standard error but errors.'
complete -c openai-batch -n '__openai_batch_at serve' -l state-dir -r -f -a '(__fish_complete_directories)' -d 'Where runs are kept [$OPENAI_BATCH_HOME].'
complete -c openai-batch -n '__openai_batch_at serve' -s h -l help -d 'Show this message and exit.'
complete -c openai-batch -n '__openai_batch_at completion' -s h -l help -d 'Show this message and exit.'
complete -c openai-batch -n '__openai_batch_at completion 1' -f -k -a '(__openai_batch_words shells)'
