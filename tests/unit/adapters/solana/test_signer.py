"""The signer: which keys it takes, and that nothing shows them."""

import copy
import json
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.signature import Signature

from bestfill.units import base58_encode
from bestfill_adapters.settings import Hidden, SettingsError, SolanaSettings
from bestfill_adapters.solana.signer import KeypairSigner, make_signer

PAIR = Keypair.from_seed(bytes(range(1, 33)))
KEY = bytes(PAIR)
ARRAY, TEXT = json.dumps(list(KEY)), base58_encode(KEY)
ADDRESS = str(PAIR.pubkey())


def shows_the_key(text: str) -> bool:
    """Whether a text gives away any run of four bytes of the key's secret half, in any form it comes in."""
    secret = KEY[:32]
    runs = [secret[n : n + 4] for n in range(29)]
    forms = [
        *(run.hex() for run in runs),
        *(", ".join(map(str, run)) for run in runs),
        *(str(run)[2:-1] for run in runs),
    ]
    return TEXT[:8] in text or TEXT[20:28] in text or any(form in text for form in forms)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "id.json"
    path.write_text(ARRAY)
    path.chmod(0o600)
    return path


def problem(path: Path) -> str:
    with pytest.raises(SettingsError, match="^BESTFILL_SOLANA_KEYPAIR: ") as caught:
        KeypairSigner.from_file(path)
    assert not shows_the_key(str(caught.value)) and caught.value.__cause__ is None
    return str(caught.value)


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_keypair_file_of_its_owner_alone_is_taken(file: Path, mode: int):
    file.chmod(mode)
    assert KeypairSigner.from_file(file).address == ADDRESS


async def test_it_signs_what_it_is_given():
    signature = await KeypairSigner.from_text(TEXT).sign(b"a message")
    assert len(signature) == 64
    assert Signature.from_bytes(signature).verify(Pubkey.from_string(ADDRESS), b"a message")
    assert not Signature.from_bytes(signature).verify(Pubkey.from_string(ADDRESS), b"another message")


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o606, 0o601, 0o610, 0o700, 0o500, 0o4600, 0o1600, 0o200])
def test_a_file_that_anybody_else_could_use_is_refused_with_the_mend(file: Path, mode: int):
    file.chmod(mode)
    if mode == 0o200 and os.geteuid():
        assert "can't be read" in problem(file)
    else:
        assert "chmod 600" in problem(file)


def test_a_file_of_somebody_else_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch):
    other = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: other)
    assert "belongs to another user" in problem(file)


def test_a_link_is_refused(file: Path):
    link = file.with_name("link.json")
    link.symlink_to(file)
    assert "symbolic link; name the file itself" in problem(link)


def test_what_is_no_file_is_refused_without_waiting_for_it(file: Path):
    pipe = file.with_name("pipe")
    os.mkfifo(pipe, 0o600)
    assert "must be the path of a file" in problem(pipe)
    assert "must be the path of a file" in problem(file.parent)


def test_a_file_that_is_not_there_is_told(file: Path):
    assert "there is no such file" in problem(file.with_name("none"))
    assert "can't be read" in problem(file / "in a file")
    assert "can't be read" in problem(Path("a\0b"))


WRONG = [
    "",
    "[]",
    "{}",
    "null",
    json.dumps(list(KEY[:63])),
    json.dumps([*KEY, 1]),
    json.dumps([*KEY[:63], 256]),
    json.dumps([*KEY[:63], -1]),
    json.dumps([*KEY[:63], True]),
    json.dumps([*KEY[:63], 1.0]),
    json.dumps([*KEY[:63], "1"]),
    json.dumps([[*KEY]]),
    json.dumps({"key": [*KEY]}),
    ARRAY + "]",
    ARRAY[:-1],
    "[" * 100_000,
    base58_encode(KEY[:63]),
    base58_encode(KEY + b"\1"),
    TEXT + "0",
    TEXT.replace(TEXT[9], "l"),
    "1" * 100_000,
    "é" + TEXT,
    "\ud800" + TEXT,
]


@pytest.mark.parametrize("text", WRONG, ids=range(len(WRONG)))
def test_what_is_no_key_is_refused_without_being_shown(file: Path, text: str):
    with pytest.raises(SettingsError, match="^BESTFILL_SOLANA_KEY: must be a key of 64 bytes") as caught:
        KeypairSigner.from_text(text)
    assert not shows_the_key(str(caught.value)) and caught.value.__cause__ is None
    file.write_bytes(text.encode(errors="replace"))
    assert "a JSON array of 64 bytes" in problem(file)


def test_halves_that_do_not_belong_together_are_refused(file: Path):
    mixed = KEY[:32] + bytes(Keypair.from_seed(bytes(32)).pubkey())
    for text in (base58_encode(mixed), json.dumps(list(mixed))):
        with pytest.raises(SettingsError, match="two halves of the key do not belong together") as caught:
            KeypairSigner.from_text(text)
        assert not shows_the_key(str(caught.value))
    file.write_text(json.dumps(list(mixed)))
    assert "two halves of the key" in problem(file)


def refusal(text: str) -> SettingsError | None:
    try:
        KeypairSigner.from_text(text)
    except SettingsError as error:
        return error
    return None


@given(st.one_of(st.binary(max_size=200), st.permutations(KEY).map(lambda k: json.dumps(k).encode())))
def test_no_error_shows_any_of_the_key(content: bytes):
    for text in (content.decode("latin-1"), ARRAY[: len(content)], TEXT + content.decode("latin-1")):
        error = refusal(text)
        assert not shows_the_key(f"{error} {error!r} {error and error.__context__!r}")


@pytest.mark.parametrize("text", [TEXT, ARRAY, f"  {TEXT}\n", f"\n{ARRAY} "])
def test_the_environments_key_may_be_base58_or_an_array(text: str):
    assert KeypairSigner.from_text(text).address == ADDRESS


def test_the_settings_choose_the_key(file: Path):
    by_file = SolanaSettings(rpc=(), pools=Path("p"), keypair=file)
    by_text = SolanaSettings(rpc=(), pools=Path("p"), key=Hidden(TEXT))
    assert make_signer(by_file).address == make_signer(by_text).address == ADDRESS
    assert make_signer(SolanaSettings(rpc=(), pools=Path("p"))) is None, "who only looks needs no key"


def test_nothing_shows_what_a_signer_holds():
    signer: Any = KeypairSigner.from_text(TEXT)
    shown = [repr(signer), str(signer), f"{signer}", f"{signer!r}", f"{[signer]}"]
    shown += [repr(getattr(signer, name)) for name in dir(signer)]
    assert shown[0] == f"KeypairSigner({ADDRESS})"
    assert not any(map(shows_the_key, shown))
    assert not hasattr(signer, "__dict__")
    for leak in (pickle.dumps, copy.copy, copy.deepcopy, lambda s: pickle.dumps(s, 0)):
        with pytest.raises(TypeError, match="can be neither copied nor pickled"):
            leak(signer)
