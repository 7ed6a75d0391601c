"""The tokens that orders may name, by mint address or by symbol."""

from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher
from typing import Final

from attrs import field, frozen
from attrs.validators import ge, le

from bestfill.errors import ValidationError
from bestfill.units import Mint, to_mint

_ALIKE: Final = 0.8
_SAME_START_CHARS: Final = 4


@frozen
class Token:
    """An SPL token; `decimals` is the power of ten between base and display units.

    At most 38, so that every amount can be written in the 40 characters that are read back.
    """

    symbol: str
    mint: Mint
    decimals: int = field(validator=[ge(0), le(38)])


class TokenList:
    """Tokens with known decimals, found by mint or symbol.

    Raises:
        ValueError: two tokens share a symbol or a mint.
    """

    def __init__(self, tokens: Iterable[Token]) -> None:
        self._by_mint: dict[Mint, Token] = {}
        self._by_symbol: dict[str, Token] = {}
        for token in tokens:
            self.add(token)

    def add(self, token: Token) -> None:
        """Add a token.

        Raises:
            ValueError: the list has one with its symbol or its mint.
        """
        if token.mint in self._by_mint or token.symbol in self._by_symbol:
            raise ValueError(f"{token.symbol} stands twice in the token list")
        self._by_mint[token.mint] = token
        self._by_symbol[token.symbol] = token

    def __iter__(self) -> Iterator[Token]:
        return iter(self._by_mint.values())

    def get(self, mint: Mint) -> Token | None:
        """Find a token by its mint."""
        return self._by_mint.get(mint)

    def resolve(self, text: str) -> Token:
        """Find the token that a mint address or a symbol names.

        Raises:
            ValidationError: neither a known symbol nor a known mint; says what was probably meant.
        """
        if (token := self._by_symbol.get(text) or self._by_mint.get(Mint(text))) is not None:
            return token
        hint = self._hint(text)
        try:
            to_mint(text)
        except ValidationError as error:
            if len(text) < 20:
                raise ValidationError(f"is not a known symbol and not a mint address{hint}") from None
            raise ValidationError(f"{error.reason}{hint}") from None
        raise ValidationError(f"is a mint of unknown decimals: add it to the token list first{hint}")

    def _hint(self, text: str) -> str:
        token = self._alike(text[:64])
        return f"; did you mean {token.symbol} ({token.mint})?" if token else ""

    def _alike(self, text: str) -> Token | None:
        for token in self:
            if token.symbol.lower() == text.lower():
                return token
            if len(text) >= 20 and (
                text[:_SAME_START_CHARS] == token.mint[:_SAME_START_CHARS]
                or SequenceMatcher(None, text, token.mint).ratio() >= _ALIKE
            ):
                return token
        return None


MAINNET: Final = TokenList(
    [
        Token("SOL", Mint("So11111111111111111111111111111111111111112"), 9),
        Token("USDC", Mint("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"), 6),
        Token("USDT", Mint("Es9vMFrzaCERmJfrF4H2FYD4KCoNkY11McCe8BenwNYB"), 6),
        Token("BONK", Mint("DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263"), 5),
        Token("JUP", Mint("JUPyiwrYJFskUPiHa7hkeR8VUtAeFoSYbKedZNsDvCN"), 6),
        Token("RAY", Mint("4k3Dyjzvzp8eMZWUXbBCjEvwSkkk59S5iCNLY3QrkX6R"), 6),
        Token("mSOL", Mint("mSoLzYCxHdYgdzU16g5QSh3i5K3z3KZK7ytfqcJm7So"), 9),
    ]
)
"""Well-known tokens of Solana's main network."""
