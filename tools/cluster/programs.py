"""Real programs: `SOLANA_ELF_DIR` names a folder of their binaries, `<program id>.so` or `<venue>.so`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from solders.pubkey import Pubkey

from tools.cluster.chain import Chain

VARIABLE: Final = "SOLANA_ELF_DIR"
PROGRAMS: Final = {
    "raydium_cpmm": "CPMMoo8L3F4NbTegBCKVNunggL7H1ZpdTHKxQB5qKP1C",
    "raydium_clmm": "CAMMCzo5YL8w4VFF8KVHrK22GGUsp5VTaW7grrKgrWqK",
    "meteora_dlmm": "LBUZKhRxPF3XUpBCjp4YzTKgLccjZhTSDM9YuVaPwxo",
    "meteora_damm_v2": "cpamdpZCGKUy5JxQXB4dcpGPiikHawvSWAd6mEn1sGG",
}
"""Their addresses, by venue."""


class NoProgram(Exception):
    """There is no binary; the message says where one is looked for."""


def binary(venue: str, environ: Mapping[str, str]) -> Path:
    """Give the path of a venue's program.

    Raises:
        NoProgram: the variable is not set, or its folder has no such file.
    """
    folder = environ.get(VARIABLE, "")
    if not folder:
        raise NoProgram(f"{VARIABLE} is not set: it names a folder of program binaries")
    names = (f"{PROGRAMS[venue]}.so", f"{venue}.so")
    found = next((path for name in names if (path := Path(folder, name)).is_file()), None)
    if found is None:
        raise NoProgram(f"the folder that {VARIABLE} names has neither {names[0]} nor {names[1]}")
    return found


def load(chain: Chain, venue: str, path: Path) -> None:
    """Have a chain run a venue's program.

    Raises:
        NoProgram: the file is no program that it can run.
    """
    try:
        chain.ledger.svm.add_program(Pubkey.from_string(PROGRAMS[venue]), path.read_bytes())
    except (OSError, ValueError) as error:
        raise NoProgram(f"{path.name} can't be loaded: {error}") from error
