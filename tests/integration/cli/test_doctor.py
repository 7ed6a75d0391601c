"""What the doctor says of real servers, which tests run without care for power cuts."""

import json

import pytest

from bestfill_adapters.sql.migrate import migrate
from bestfill_cli.exits import Exit
from bestfill_cli.main import run
from tools.servers import Postgres, Valkey


@pytest.fixture
def doctor(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    """Look with these settings; give the exit code and the checks by name."""

    def look(**environ: str) -> tuple[int, dict[str, dict[str, str]]]:
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        code = run(["doctor", "--url", "http://127.0.0.1:1", "--json"])
        out, err = capsys.readouterr()
        assert err == "" and "hunter2" not in out
        return code, {check["what"]: check for check in json.loads(out)["checks"]}

    return look


def test_servers_that_do_are_ok_and_what_they_would_lose_is_wrong(doctor, database_url: str, valkey: Valkey):
    migrate(database_url)
    code, checks = doctor(DATABASE_URL=database_url, REDIS_URL=valkey.url)
    assert code == Exit.FAILED  # there is no engine, and the test's server does without fsync
    assert {what: check["state"] for what, check in checks.items()} == {
        "settings": "ok",
        "PostgreSQL": "ok",
        "durability": "wrong",
        "tables": "ok",
        "Redis": "ok",
        "eviction": "ok",
        "venues": "ok",
        "engine": "wrong",
        "port": checks["port"]["state"],
    }
    assert checks["durability"]["detail"].startswith("fsync off: ") and checks["durability"]["mend"] == "turn fsync on"
    assert checks["Redis"]["detail"].startswith("Valkey ")


def test_a_database_without_tables_and_a_server_that_drops_keys_are_told(doctor, database_url: str, valkey: Valkey):
    import redis

    with redis.Redis.from_url(valkey.url) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        try:
            _, checks = doctor(DATABASE_URL=database_url, REDIS_URL=valkey.url)
        finally:
            client.config_set("maxmemory-policy", "noeviction")
    assert (checks["tables"]["state"], checks["tables"]["mend"]) == ("wrong", "run ./dev migrate")
    assert (checks["eviction"]["state"], checks["eviction"]["mend"]) == ("warn", "set maxmemory-policy to noeviction")


def test_looking_makes_no_tables(doctor, postgres: Postgres, database_url: str, valkey: Valkey):
    for _ in range(2):
        _, checks = doctor(DATABASE_URL=database_url, REDIS_URL=valkey.url)
        assert checks["tables"]["detail"] == "there are none"


@pytest.mark.parametrize("password", ["hunter2", "hunter2@x", "hunter2/y"])
def test_servers_that_are_not_there_are_told_without_their_secrets(doctor, password: str):
    urls = {
        "DATABASE_URL": f"postgresql://me:{password}@127.0.0.1:1/n",
        "REDIS_URL": f"redis://:{password}@127.0.0.1:1",
    }
    code, checks = doctor(**urls)
    assert code == Exit.FAILED
    assert (checks["PostgreSQL"]["state"], checks["Redis"]["state"]) == ("wrong", "wrong")


def test_a_solana_that_does_not_answer_is_told_without_its_address(doctor, tmp_path):
    pools = tmp_path / "pools.json"
    pools.write_text(json.dumps({"pools": [{"venue": "raydium_cpmm", "address": "1" * 32}]}))
    _, checks = doctor(
        BESTFILL_SOLANA_RPC="http://127.0.0.1:1/hunter2",
        BESTFILL_SOLANA_POOLS=str(pools),
        BESTFILL_VENUES="raydium_cpmm",
        BESTFILL_DATA_DIR=str(tmp_path),
    )
    assert (checks["venues"]["state"], checks["wallet"]["state"], checks["Solana"]["state"]) == ("ok", "wrong", "wrong")
    assert "BESTFILL_SOLANA_KEYPAIR" in checks["wallet"]["detail"]
