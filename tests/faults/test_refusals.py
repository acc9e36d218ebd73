"""What a status means, and that after every one of them the run can go on."""

import pytest
from fault_bench import GAVE_UP, OK, REFUSED, Benches
from fault_calls import status

CREDENTIALS = 4
ROWS = 20

CODES = {
    #            upload       create       retrieve     download
    400: (REFUSED, REFUSED, REFUSED, OK),
    401: (CREDENTIALS, CREDENTIALS, CREDENTIALS, CREDENTIALS),
    404: (REFUSED, REFUSED, OK, OK),
    408: (OK, OK, OK, OK),
    409: (REFUSED, OK, REFUSED, OK),
    413: (REFUSED, REFUSED, REFUSED, OK),
    429: (OK, OK, OK, OK),
    500: (OK, OK, OK, OK),
    503: (OK, OK, OK, OK),
    504: (OK, OK, OK, OK),
}
KINDS = ("upload", "create", "retrieve", "download")
CASES = [
    pytest.param(code, kind, expected, id=f"{code} to {kind}")
    for code, row in CODES.items()
    for kind, expected in zip(KINDS, row, strict=True)
]


@pytest.mark.parametrize(("code", "kind", "expected"), CASES)
def test_status_once(new_bench: Benches, code: int, kind: str, expected: int) -> None:
    """Some statuses end the command, with the exit code for it; the next command ends the run."""
    with new_bench(ROWS, shard_requests=10) as bench:
        rule = bench.proxy.fail(status(code), on=kind)
        ended = bench.go()
        assert rule.fired == 1
        assert ended.code == expected, f"{ended.stderr}\n{bench.proxy.story()}"
        if ended.code != OK:
            ended = bench.go()
        bench.assert_all_came(ended)
        bench.assert_paid_once()


@pytest.mark.parametrize("code", [429, 503])
@pytest.mark.parametrize("kind", KINDS)
def test_waits_as_long_as_it_is_asked_to(new_bench: Benches, kind: str, code: int) -> None:
    """Retry-After is honoured: the same call is not made before."""
    with new_bench(ROWS, speed=1000.0) as bench:
        bench.proxy.fail(status(code, retry_after=300), on=kind)
        bench.assert_all_came(bench.go())
        bench.assert_paid_once()
        first, second, *_ = (entry for entry in bench.proxy.log if entry.kind.startswith(kind))
        assert second.at - first.at >= 300 / 1000


@pytest.mark.parametrize("code", ["billing_hard_limit_reached", "insufficient_quota"])
def test_unpaid_bill(new_bench: Benches, code: str) -> None:
    """A bill does not clear by waiting: exit 7 at once, and once it is paid the run goes on."""
    with new_bench(ROWS) as bench:
        bench.proxy.fail(status(429, error=code), on="create", times=None)
        ended = bench.go(timeout_s=60.0)
        assert ended.code == GAVE_UP, ended.stderr
        assert "--timeout" not in ended.stderr
        assert bench.proxy.kinds()["create"] == 1
        bench.proxy.mend()
        bench.assert_all_came(bench.go())
        bench.assert_paid_once()
