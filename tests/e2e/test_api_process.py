"""`python -m bestfill_api` as a process: its start, its ends, its exit codes."""

import signal
import socket
from pathlib import Path

import pytest

from bestfill_api.server import bind
from tests.deployed import ApiProcess
from tests.embedded import environment, finished, started


def untouched(folder: Path) -> bool:
    return not any(folder.iterdir())


async def test_its_data_folder_is_its_own_until_a_signal_stops_it_cleanly_and_frees_the_port(tmp_path: Path) -> None:
    async with started(tmp_path) as process:
        code, text = await finished(environment(tmp_path))
        assert (code, text.startswith("bestfill: "), text.count("\n"), "Traceback" in text) == (1, True, 1, False)
        process.send_signal(signal.SIGTERM)  # SIGINT: test_api_embedded
        assert await process.ended() == (0, "")
        with socket.socket() as again:
            again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            again.bind((process.host, process.port))


async def test_a_port_in_use_is_one_clear_line_and_nothing_is_started(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, text = await finished(environment(tmp_path, PORT=str(port)))
    assert (code, text) == (1, f"bestfill: cannot listen on 127.0.0.1, port {port}: Address already in use\n")
    assert untouched(tmp_path)


BAD = {
    "PORT": "99999",
    "BESTFILL_CONCURENCY": "1",
    "LOG_LEVEL": "loud",
    "DATABASE_URL": "postgresql://u:hunter2@db/x",
}


@pytest.mark.parametrize("bad", [BAD, {"BESTFILL_VENUES": "mock_nothing"}], ids=["as they are read", "as it is wired"])
async def test_every_bad_setting_is_named_and_exits_with_2(tmp_path: Path, bad: dict[str, str]) -> None:
    code, text = await finished(environment(tmp_path, **bad))
    assert code == 2
    assert [name for name in bad if name not in text] == []
    assert "Traceback" not in text
    assert "hunter2" not in text
    assert untouched(tmp_path)


def test_a_host_that_is_not_here_cannot_be_listened_on() -> None:
    with pytest.raises(OSError, match="Cannot assign requested address"):
        bind("192.0.2.1", 0)


async def test_a_signal_while_it_starts_ends_it_too(tmp_path: Path) -> None:
    process = await ApiProcess.spawn("bestfill_api", environment(tmp_path))
    process.send_signal(signal.SIGTERM)
    code, text = await process.ended()
    # Before Python runs any of ours, the system's default ends it; later, we do.
    assert code in (0, -signal.SIGTERM), text
    assert "Traceback" not in text
