"""Text from users, venues and servers, made fit for a terminal."""


def visible(text: str) -> str:
    """Show what could drive a terminal, or turn text around, as escapes such as \\x1b or \\u202e.

    That is all that Unicode does not count as printable: controls, formats (bidi overrides among them), lone
    surrogates, and spaces other than the plain one. A backslash stays as it is.
    """
    return text if text.isprintable() else "".join(c if c.isprintable() else _escape(c) for c in text)


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
