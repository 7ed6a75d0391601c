"""Real programs: `SOLANA_ELF_DIR` names a folder of their binaries, `<program id>.so` or `<venue>.so`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from solders.pubkey import Pubkey

from bestfill_adapters.solana.quoting import meteora_damm_v2, meteora_dlmm, raydium_clmm, raydium_cpmm
from tools.cluster.chain import Chain

VARIABLE: Final = "SOLANA_ELF_DIR"
PROGRAMS: Final = {
    "raydium_cpmm": raydium_cpmm.PROGRAM,
    "raydium_clmm": raydium_clmm.PROGRAM,
    "meteora_dlmm": meteora_dlmm.PROGRAM,
    "meteora_damm_v2": meteora_damm_v2.PROGRAM,
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
