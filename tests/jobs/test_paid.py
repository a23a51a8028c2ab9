"""A synthesis whose job is killed goes on, and no call is paid twice. At size: python -m tests.jobs.paid."""

from pathlib import Path

import pytest

from tests.jobs.paid import paid


@pytest.mark.slow
def test_a_job_that_is_killed_three_times_pays_no_call_twice(tmp_path: Path) -> None:
    found = paid(tmp_path / "home", rows=40, kills=3)
    assert found.kept == 40 and found.kills == 3 and found.runs == 4
    assert found.twice == 0
    assert found.calls + found.cached >= found.answered and 0 < found.calls < found.answered
