"""The settings: what they are by default, and how a wrong one is told."""

import re
from ipaddress import ip_network
from pathlib import Path

import msgspec
import pytest

from bestfill.units import Bps
from bestfill_adapters.limits import Rate
from bestfill_adapters.settings import (
    OF_THE_COMMAND_LINE,
    VARIABLES,
    LimitSettings,
    MockSettings,
    Settings,
    SettingsError,
    SolanaSettings,
    differing,
    load,
)
from bestfill_adapters.settings.access import check_exposed
from bestfill_adapters.settings.limits import limits

EXAMPLE = Path(__file__).parents[3] / ".env.example"
# What docker-compose.yml and the command line need besides; tests/unit/test_compose.py has more.
OTHERS = {"POSTGRES_PASSWORD", *OF_THE_COMMAND_LINE}

KEY = "5" + "K" * 86
SOLANA = {"BESTFILL_SOLANA_RPC": "https://a.example", "BESTFILL_SOLANA_KEY": KEY, "BESTFILL_SOLANA_POOLS": "p.json"}
OF_TELEMETRY = {"BESTFILL_METRICS_PORT", "BESTFILL_OTLP_ENDPOINT"}
JWT = {
    "BESTFILL_AUTH": "jwt",
    "BESTFILL_JWT_JWKS": "/etc/jwks.json",
    "BESTFILL_JWT_ISSUER": "https://issuer.example",
    "BESTFILL_JWT_AUDIENCE": "bestfill",
}
OF_ACCESS = {*JWT, "BESTFILL_HOSTS", "BESTFILL_TRUSTED_PROXIES"}
OF_LIMITS = {name for name in VARIABLES if name.startswith("BESTFILL_LIMIT_")}
OF_MANDATE = {name for name, (field, _) in VARIABLES.items() if field.startswith("mandate.")}
OF_SOLANA = [name for name in VARIABLES if name.startswith("BESTFILL_SOLANA_")]


def beside(name: str) -> dict[str, str]:
    """Give what must be set together with a variable, so that it alone can be wrong."""
    if name in JWT:
        return {k: v for k, v in JWT.items() if name != "BESTFILL_AUTH"}
    if name not in OF_SOLANA:
        return {"DATABASE_URL": "postgresql://h/d", "REDIS_URL": "redis://h"} if name.endswith("_URL") else {}
    return {k: v for k, v in SOLANA.items() if (name, k) != ("BESTFILL_SOLANA_KEYPAIR", "BESTFILL_SOLANA_KEY")}


def test_the_defaults_are_those_of_the_contract():
    assert load({}) == Settings(
        host="127.0.0.1",
        port=3000,
        log_level="info",
        database_url=None,
        redis_url=None,
        data_dir=Path("var"),
        concurrency=10,
        venues=("mock_raydium", "mock_meteora"),
        quote_timeout_ms=5_000,
        max_slippage_bps=Bps(1_000),
        order_ttl_ms=300_000,
        mock=MockSettings(
            quote_ms=(2_000, 3_000),
            confirm_ms=(2_000, 3_000),
            failure_rate=0,
            drop_rate=0,
            revert_rate=0,
            seed=None,
        ),
        solana=None,
    )


def example() -> dict[str, str]:
    lines = [line for line in EXAMPLE.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def test_the_example_lists_every_setting_with_its_default():
    assert set(example()) == set(VARIABLES) | OTHERS
    assert load(example()) == load({})
    empty = (
        {"DATABASE_URL", "REDIS_URL", "BESTFILL_MOCK_SEED", "BESTFILL_SOLANA_KEYPAIR", *SOLANA}
        | OTHERS
        | OF_LIMITS
        | OF_MANDATE
    )
    empty |= OF_ACCESS
    empty |= OF_TELEMETRY
    for name, value in example().items():
        assert (load({}) == load({name: value})) and (value or name in empty)
    assert load({**example(), **SOLANA}) == load(SOLANA)


def test_the_example_explains_every_setting():
    for block in EXAMPLE.read_text().strip().split("\n\n"):
        assert block.startswith("# "), block
    assert "# " not in "".join(example().values())


def test_what_the_command_line_reads_stops_no_service():
    environ = dict.fromkeys(OF_THE_COMMAND_LINE, "x")
    assert load(environ) == load({}) and differing(environ) == {}


def test_what_differs_from_the_defaults_is_told_without_secrets():
    assert differing(example()) == {}
    urls = {"DATABASE_URL": "postgresql://me:hunter2@h/d", "REDIS_URL": "redis://:hunter2@h"}
    as_by_default = {"PORT": "3000", "BESTFILL_SOLANA_RPC_PER_S": "10"}
    told = differing({**urls, **SOLANA, **as_by_default, "BESTFILL_MOCK_QUOTE_MS": "5"})
    hidden = dict.fromkeys([*urls, "BESTFILL_SOLANA_RPC", "BESTFILL_SOLANA_KEY"], "<hidden>")
    assert told == {**hidden, "BESTFILL_SOLANA_POOLS": "p.json", "BESTFILL_MOCK_QUOTE_MS": "5"}


@pytest.mark.parametrize("name", VARIABLES)
def test_an_empty_or_blank_variable_is_unset(name: str):
    assert load({name: ""}) == load({name: " \t\r\n"}) == load({})


@pytest.mark.parametrize(
    ("name", "text", "field", "value"),
    [
        ("HOST", "0.0.0.0", "host", "0.0.0.0"),
        ("HOST", "::1", "host", "::1"),
        ("HOST", "localhost", "host", "localhost"),
        ("HOST", "api-1.bestfill.example", "host", "api-1.bestfill.example"),
        ("PORT", "0", "port", 0),
        ("PORT", "65535", "port", 65535),
        ("PORT", "3000\r", "port", 3000),
        ("LOG_LEVEL", "WARN", "log_level", "warn"),
        ("BESTFILL_DATA_DIR", "/srv/best fill", "data_dir", Path("/srv/best fill")),
        ("BESTFILL_CONCURRENCY", "1", "concurrency", 1),
        ("BESTFILL_VENUES", "mock_meteora , my-venue.2", "venues", ("mock_meteora", "my-venue.2")),
        ("BESTFILL_QUOTE_TIMEOUT_MS", "250", "quote_timeout_ms", 250),
        ("BESTFILL_MAX_SLIPPAGE", "0", "max_slippage_bps", 0),
        ("BESTFILL_MAX_SLIPPAGE", "0.29", "max_slippage_bps", 29),
        ("BESTFILL_MAX_SLIPPAGE", "99.99", "max_slippage_bps", 9_999),
        ("BESTFILL_MAX_SLIPPAGE", "12.500", "max_slippage_bps", 1_250),
        ("BESTFILL_ORDER_TTL_S", "86400", "order_ttl_ms", 86_400_000),
    ],
)
def test_a_good_value_is_taken_exactly(name: str, text: str, field: str, value: object):
    assert getattr(load({name: text}), field) == value


@pytest.mark.parametrize(
    ("name", "text", "field", "value"),
    [
        ("QUOTE_MS", "0", "quote_ms", (0, 0)),
        ("QUOTE_MS", "5-5", "quote_ms", (5, 5)),
        ("CONFIRM_MS", "100-600000", "confirm_ms", (100, 600_000)),
        ("FAILURE_RATE", "1", "failure_rate", 1_000_000),
        ("DROP_RATE", "0.29", "drop_rate", 290_000),
        ("REVERT_RATE", "0.000001", "revert_rate", 1),
        ("SEED", "forty two", "seed", "forty two"),
    ],
)
def test_a_good_mock_value_is_taken_exactly(name: str, text: str, field: str, value: object):
    assert getattr(load({f"BESTFILL_MOCK_{name}": text}).mock, field) == value


@pytest.mark.parametrize(
    ("name", "text", "field", "value"),
    [
        ("RPC", "http://127.0.0.1:8899", "rpc", ("http://127.0.0.1:8899",)),
        (
            "RPC",
            "https://u:p@a.example/k?x=1 ,http://[::1]:9",
            "rpc",
            ("https://u:p@a.example/k?x=1", "http://[::1]:9"),
        ),
        ("KEYPAIR", "/run/secrets/my key.json", "keypair", Path("/run/secrets/my key.json")),
        ("KEY", KEY, "key", KEY),
        ("KEY", "[1, 2, 3]", "key", "[1, 2, 3]"),
        ("POOLS", "pools.json", "pools", Path("pools.json")),
        ("RPC_PER_S", "250", "rpc_per_s", 250),
        ("FEE_PERCENTILE", "0", "fee_percentile", 0),
        ("MAX_PRIORITY_FEE", "0", "max_priority_fee", 0),
        ("DRY_RUN", "True", "dry_run", True),
    ],
)
def test_a_good_solana_value_is_taken_exactly(name: str, text: str, field: str, value: object):
    solana = load({**beside(f"BESTFILL_SOLANA_{name}"), f"BESTFILL_SOLANA_{name}": text}).solana
    assert getattr(solana, field) == value


@pytest.mark.parametrize(
    ("name", "text", "field", "value"),
    [
        ("IP", "3000/60", "ip", Rate(3_000, 60)),
        ("KEY", "10000/1", "key", Rate(10_000, 1)),
        ("ORDERS", "1/86400", "orders", Rate(1, 86_400)),
        ("ORDERS", "0", "orders", None),
        ("SOCKETS", "1", "sockets", 1),
        ("SOCKETS", "0", "sockets", None),
    ],
)
def test_a_good_limit_is_taken_exactly(name: str, text: str, field: str, value: object):
    assert getattr(load({f"BESTFILL_LIMIT_{name}": text}).limits, field) == value


@pytest.mark.parametrize(
    ("name", "text", "field", "value"),
    [
        ("MAX_PRICE_IMPACT", "0", "max_price_impact_bps", 0),
        ("MAX_DEVIATION", "2.5", "max_deviation_bps", 250),
        ("MAX_NOTIONAL", "SOL=100, USDC = 15000.50", "max_notional", (("SOL", "100"), ("USDC", "15000.50"))),
        ("MAX_NOTIONAL_DAY", "SOL=0", "max_notional_day", (("SOL", "0"),)),
        ("ALLOW_TOKENS", "SOL , $WIF", "allow_tokens", ("SOL", "$WIF")),
        ("DENY_TOKENS", "BONK", "deny_tokens", ("BONK",)),
        ("ALLOW_VENUES", "raydium,mock_meteora", "allow_venues", ("raydium", "mock_meteora")),
    ],
)
def test_a_good_bound_is_taken_exactly(name: str, text: str, field: str, value: object):
    assert getattr(load({f"BESTFILL_{name}": text}).mandate, field) == value


def test_what_is_not_limited_by_a_setting_is_limited_for_known_callers_alone():
    assert load({}).limits == LimitSettings(ip=None, key=None, orders=None, sockets=None)
    of_known = LimitSettings(ip=Rate(3_000, 60), key=Rate(1_200, 60), orders=Rate(600, 60), sockets=100)
    assert limits({}, known_callers=True) == of_known
    assert limits({"orders": None}, known_callers=True) == msgspec.structs.replace(of_known, orders=None)


@pytest.mark.parametrize(
    ("name", "text", "field", "value"),
    [
        ("METRICS_PORT", "0", "metrics_port", 0),
        ("METRICS_PORT", "9464", "metrics_port", 9464),
        ("OTLP_ENDPOINT", "http://127.0.0.1:4318", "otlp_endpoint", "http://127.0.0.1:4318/v1/traces"),
        ("OTLP_ENDPOINT", "https://u:p@c.example/x/", "otlp_endpoint", "https://u:p@c.example/x/v1/traces"),
        ("OTLP_ENDPOINT", "http://[::1]:1/v1/traces", "otlp_endpoint", "http://[::1]:1/v1/traces"),
    ],
)
def test_a_good_telemetry_value_is_taken_exactly(name: str, text: str, field: str, value: object):
    assert getattr(load({f"BESTFILL_{name}": text}).telemetry, field) == value


def test_solana_has_the_defaults_of_the_contract():
    assert load(SOLANA).solana == SolanaSettings(
        rpc=("https://a.example",),  # pyright: ignore[reportArgumentType]
        pools=Path("p.json"),
        keypair=None,
        key=KEY,  # pyright: ignore[reportArgumentType]
        rpc_per_s=10,
        fee_percentile=75,
        max_priority_fee=100_000,
        dry_run=False,
    )


@pytest.mark.parametrize(
    ("name", "text", "field", "value"),
    [
        ("AUTH", "KEYS", "auth", "keys"),
        ("AUTH", "none", "auth", "none"),
        ("OPEN_TO_ALL", "true", "open_to_all", True),
        ("HOSTS", "Trade.example , b.example", "hosts", ("trade.example", "b.example")),
        ("TRUSTED_PROXIES", "10.0.0.0/8, ::1", "proxies", (ip_network("10.0.0.0/8"), ip_network("::1/128"))),
    ],
)
def test_a_good_value_of_access_is_taken_exactly(name: str, text: str, field: str, value: object):
    assert getattr(load({f"BESTFILL_{name}": text}).access, field) == value


def test_tokens_need_all_that_they_are_held_against():
    access = load(JWT).access
    assert (access.auth, access.jwks, access.issuer, access.audience) == (
        "jwt",
        Path("/etc/jwks.json"),
        "https://issuer.example",
        "bestfill",
    )
    for name in JWT.keys() - {"BESTFILL_AUTH"}:
        with pytest.raises(SettingsError, match=f"{name}: must be set too, since BESTFILL_AUTH is jwt") as caught:
            load({**JWT, name: " "})
        assert len(caught.value.problems) == 1
        for way in ("", "none", "keys"):
            with pytest.raises(SettingsError, match=f"BESTFILL_AUTH: must be jwt, since {name} is set"):
                load({name: JWT[name], "BESTFILL_AUTH": way})


@pytest.mark.parametrize(
    ("host", "alone"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("localhost", True),
        ("LocalHost", True),
        ("api.localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.0.2.1", False),
        ("api.example", False),
        ("localhost.example", False),
        ("mylocalhost", False),
    ],
)
def test_without_access_control_only_this_machine_is_listened_to_unless_that_is_said_twice(host: str, alone: bool):
    environ = {"HOST": host}
    if alone:
        check_exposed(load(environ))
    else:
        with pytest.raises(SettingsError, match=r"BESTFILL_AUTH: must be keys or jwt, .* BESTFILL_OPEN_TO_ALL=true"):
            check_exposed(load(environ))
    check_exposed(load({**environ, "BESTFILL_OPEN_TO_ALL": "true"}))
    check_exposed(load({**environ, "BESTFILL_AUTH": "keys"}))
    check_exposed(load({**environ, **JWT}))


def test_an_application_that_anybody_could_reach_is_not_made(tmp_path: Path):
    from bestfill_adapters.container import Embedded
    from bestfill_api.app import create_app

    container = Embedded()
    container.environ.override({"HOST": "0.0.0.0", "BESTFILL_DATA_DIR": str(tmp_path)})
    with pytest.raises(SettingsError, match="BESTFILL_AUTH: must be keys or jwt"):
        create_app(container)
    assert not [*tmp_path.iterdir()]


BAD = {
    "HOST": [
        "256.0.0.1",
        "1.2.3",
        "[::1]",
        "-a.example",
        "a..b",
        "a b",
        "http://x",
        "x" * 64,
        "ﬁ",
        "127.0.0.1:80",
        "/",
    ],
    "PORT": ["-1", "65536", "3000x", "+1", "0x10", "1_0", "٣", "1.5", "9" * 5_000, "true", "NaN", "1e400"],
    "LOG_LEVEL": ["warning", "verbose", "1"],
    "DATABASE_URL": ["mysql://u:hunter2@h/d", "hunter2", "postgresql://", "postgresql://u:hunter2@h/d x"],
    "REDIS_URL": ["http://:hunter2@h", "hunter2", "redis://"],
    "BESTFILL_DATA_DIR": ["a\0b", "a\nb"],
    "BESTFILL_CONCURRENCY": ["0", "-1", "10001", "ten"],
    "BESTFILL_VENUES": [",", "a,", "a,,b", "a,a", "a b", "../a", "x" * 65],
    "BESTFILL_QUOTE_TIMEOUT_MS": ["0", "600001"],
    "BESTFILL_MAX_SLIPPAGE": ["100", "-1", "0.125", "1e1", "NaN", "10%", "٣", "9" * 5_000, ".5"],
    "BESTFILL_ORDER_TTL_S": ["0", "86401"],
    "BESTFILL_MAX_PRICE_IMPACT": ["100", "-1", "1 %", "0.125"],
    "BESTFILL_MAX_DEVIATION": ["100", "nan"],
    "BESTFILL_MAX_NOTIONAL": [
        "SOL",
        "SOL=",
        "=1",
        "SOL=-1",
        "SOL=1e9",
        "SOL=1,SOL=2",
        "SOL=1,",
        "S L=1",
        "SOL=٣",
        "A==1",
    ],
    "BESTFILL_MAX_NOTIONAL_DAY": ["SOL=1;USDC=2", "SOL=" + "9" * 5_000],
    "BESTFILL_ALLOW_TOKENS": [",", "SOL,", "SOL,SOL", "S L", "SOL=1", "x" * 65],
    "BESTFILL_DENY_TOKENS": ["BONK;SOL DOGE", "ﬁ"],
    "BESTFILL_ALLOW_VENUES": ["a b", "a,a"],
    "BESTFILL_AUTH": ["key", "true", "none,keys", "oauth2"],
    "BESTFILL_OPEN_TO_ALL": ["yes", "1"],
    "BESTFILL_JWT_JWKS": ["a\0b"],
    "BESTFILL_JWT_ISSUER": ["a\nb", "x" * 501],
    "BESTFILL_JWT_AUDIENCE": ["a\0b"],
    "BESTFILL_HOSTS": [",", "a,,b", "a,A", "a:80", "https://a", "*", "*.example", "a b"],
    "BESTFILL_TRUSTED_PROXIES": ["10.0.0.1/8", "10.0.0.0/33", "proxy.example", "*", ",", "1.2.3"],
    "BESTFILL_LIMIT_IP": ["60", "0/60", "60/0", "-1/60", "1/86401", "1000001/60", "10001/1", "٣/1", "1/1/1", "1 / 1"],
    "BESTFILL_LIMIT_KEY": ["600/60s", "1.5/60", "9" * 5_000],
    "BESTFILL_LIMIT_ORDERS": ["none"],
    "BESTFILL_LIMIT_SOCKETS": ["-1", "1000001", "100/60", "many"],
    "BESTFILL_METRICS_PORT": ["-1", "65536", "9464/tcp"],
    "BESTFILL_OTLP_ENDPOINT": [
        "hunter2",
        "grpc://hunter2:4317",
        "http://",
        "http://h:0/hunter2",
        "http://h:70000",
        "http://h/hunter2 x",
        "http://h/?hunter2",
        "http://h/#hunter2",
    ],
    "BESTFILL_MOCK_QUOTE_MS": ["-1", "3-2", "1-", "-", "1-2-3", "600001", "1 - 2", "٣", "9" * 5_000],
    "BESTFILL_MOCK_CONFIRM_MS": ["x", "0-600001"],
    "BESTFILL_MOCK_FAILURE_RATE": ["1.000001", "-0", "0.0000001", "1e-3", "50%", "inf", "nan"],
    "BESTFILL_MOCK_DROP_RATE": ["2"],
    "BESTFILL_MOCK_REVERT_RATE": ["1.1"],
    "BESTFILL_MOCK_SEED": ["x" * 65, "a\0b"],
    "BESTFILL_SOLANA_RPC": [
        "hunter2",
        "ws://hunter2",
        "https://",
        "https://:1",
        "https://h:70000/hunter2",
        "https://h:0/hunter2",
        "https://[::hunter2",
        "https://h/hunter2 x",
        "https://ﬁ.example/hunter2",
        "https://h/hunter2,https://h/hunter2",
        "https://h/hunter2,",
    ],
    "BESTFILL_SOLANA_KEYPAIR": ["a\0hunter2", "[17, 17]", "[\nhunter2\n]", "hunter2" * 12],
    "BESTFILL_SOLANA_KEY": ["hunter2", "hunter2 " * 12, "[hunter2" + "1" * 2_000, "key.json"],
    "BESTFILL_SOLANA_POOLS": ["a\0b"],
    "BESTFILL_SOLANA_RPC_PER_S": ["0", "10001", "1.5"],
    "BESTFILL_SOLANA_FEE_PERCENTILE": ["-1", "101", "75%"],
    "BESTFILL_SOLANA_MAX_PRIORITY_FEE": ["-1", "1000000001", "0.5"],
    "BESTFILL_SOLANA_DRY_RUN": ["yes", "1", "on"],
}


def test_every_setting_has_bad_values_to_try():
    assert set(BAD) == set(VARIABLES)


@pytest.mark.parametrize(
    ("name", "text"),
    [(name, text) for name, texts in BAD.items() for text in texts],
    ids=lambda value: repr(value[:20]),
)
def test_a_bad_value_is_refused_by_name_and_mend(name: str, text: str):
    with pytest.raises(SettingsError) as caught:
        load({**beside(name), name: text})
    (problem,) = caught.value.problems
    assert problem.startswith(f"{name}: must be ")
    assert len(problem) < 300
    assert "hunter2" not in problem


def test_all_that_is_wrong_is_told_at_once():
    environ = {"PORT": "x", "BESTFILL_CONCURENCY": "5", "BESTFILL_MAX_SLIPPAGE": "200", "REDIS_URL": "redis://h"}
    with pytest.raises(SettingsError) as caught:
        load(environ)
    assert len(caught.value.problems) == 4
    for name in ("PORT", "BESTFILL_CONCURENCY", "BESTFILL_MAX_SLIPPAGE", "DATABASE_URL"):
        assert re.search(rf"^{name}: ", str(caught.value), re.MULTILINE)


def test_an_unknown_name_gets_the_nearest_known_one():
    with pytest.raises(SettingsError, match=r"BESTFILL_CONCURENCY: .*did you mean BESTFILL_CONCURRENCY\?"):
        load({"BESTFILL_CONCURENCY": "5"})
    with pytest.raises(SettingsError, match=r"BESTFILL_PORT: .*did you mean PORT\?"):
        load({"BESTFILL_PORT": "3000"})
    with pytest.raises(SettingsError, match="BESTFILL_ZZ: is not a setting; unset it"):
        load({"BESTFILL_ZZ": ""})


def test_names_of_others_are_left_alone():
    assert load({"PATH": "/bin", "PORTS": "x", "bestfill_port": "x", "XBESTFILL_A": "1"}) == load({})


@pytest.mark.parametrize(
    ("one", "other", "url"),
    [
        ("DATABASE_URL", "REDIS_URL", "postgresql://user:hunter2@host/name"),
        ("REDIS_URL", "DATABASE_URL", "redis://:hunter2@host"),
    ],
)
def test_one_server_alone_is_an_error_that_keeps_its_password(one: str, other: str, url: str):
    with pytest.raises(SettingsError, match=f"{other}: must be set too, since {one} is") as caught:
        load({one: url, other: " "})
    assert "hunter2" not in str(caught.value)


def test_a_urls_password_is_not_shown_with_the_settings():
    settings = load({"DATABASE_URL": "postgresql://u:hunter2@h/d", "REDIS_URL": "rediss://:hunter2@h:6379/0"})
    assert settings.database_url == "postgresql://u:hunter2@h/d"
    assert "hunter2" not in repr(settings)


@pytest.mark.parametrize(
    ("left_out", "instead", "problem"),
    [
        ("RPC", "", "BESTFILL_SOLANA_RPC: must be set too, since BESTFILL_SOLANA_KEY is"),
        ("POOLS", "", "BESTFILL_SOLANA_POOLS: must be set too, since BESTFILL_SOLANA_RPC is"),
        ("POOLS", "a\0b", "BESTFILL_SOLANA_POOLS: must be the path of a file"),
    ],
)
def test_solana_in_part_is_an_error_that_names_what_is_missing_and_keeps_the_key(
    left_out: str, instead: str, problem: str
):
    with pytest.raises(SettingsError, match=problem) as caught:
        load({**SOLANA, f"BESTFILL_SOLANA_{left_out}": instead})
    assert len(caught.value.problems) == 1
    assert KEY not in str(caught.value) and "a.example" not in str(caught.value)


def test_two_keys_are_an_error_that_shows_neither():
    with pytest.raises(SettingsError, match="BESTFILL_SOLANA_KEY: must not be set together") as caught:
        load({**SOLANA, "BESTFILL_SOLANA_KEYPAIR": "/secret/place"})
    assert KEY not in str(caught.value) and "place" not in str(caught.value)


def test_what_only_tunes_solana_asks_for_nothing_else():
    for name in set(OF_SOLANA) - {*SOLANA, "BESTFILL_SOLANA_KEYPAIR"}:
        assert load({name: example()[name]}) == load({})


def test_a_dry_run_of_the_mock_chain_is_an_error_since_nothing_would_be_stopped():
    with pytest.raises(SettingsError, match="BESTFILL_SOLANA_RPC: must be set too, since BESTFILL_SOLANA_DRY_RUN is"):
        load({"BESTFILL_SOLANA_DRY_RUN": "true"})
    assert load({**SOLANA, "BESTFILL_SOLANA_DRY_RUN": "true"}).solana


def test_solanas_secrets_are_not_shown_with_the_settings():
    settings = load({**SOLANA, "BESTFILL_SOLANA_RPC": "https://h.example/hunter2"})
    shown = repr(settings) + repr(settings.solana) + f"{settings} {settings.solana}"
    assert settings.solana and settings.solana.rpc == ("https://h.example/hunter2",)
    assert "hunter2" not in shown and "h.example" not in shown and KEY not in shown
