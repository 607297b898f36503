"""The vocabulary of the tables: what a name of somebody else's says in our words.

Rules:

1. A message holds the name, which stands in a table, and never the value.
2. Of several names that say something about TLS the strongest holds; any other option
   that is given twice, with different values, is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from asyncdb.errors import URLError

# From the weakest to the strongest.
_TLS = ("disable", "prefer", "require", "verify-ca", "verify-full")


class Meaning(NamedTuple):
    """What one name means.

    Args:
        option: our option for it, which the value goes to as it is; `None` where there
            is nothing to be done, or no way.
        words: the only values that are understood, in small letters with `-`, and the
            value of `option` that each stands for.
        read: a value to texts by our names, `None` for one that is not understood.
        refusal: why another value is refused, or any.
        firm: a keyword of ours may not say anything else.
    """

    option: str | None = None
    words: Mapping[str, str] | None = None
    read: Callable[[str], Mapping[str, str] | None] | None = None
    refusal: str = ""
    firm: bool = False

    def in_ours(self, text: str) -> Mapping[str, str] | None:
        """Return what a value means, as texts by our names; `None`: it is refused."""
        if self.read is not None:
            return self.read(text)
        if self.words is not None:
            found = self.words.get(text.lower().replace("_", "-"))
            if found is None:
                return None
            return {self.option: found} if self.option else {}
        return {self.option: text} if self.option else None


def same(option: str) -> Meaning:
    """Say that a name is only another one for an option of ours."""
    return Meaning(option=option)


def words(option: str, values: Mapping[str, str], refusal: str) -> Meaning:
    """Say what each value that is understood is called with us."""
    return Meaning(option=option, words=values, refusal=refusal)


def nothing(*values: str, refusal: str) -> Meaning:
    """Say for which values nothing has to be done."""
    return Meaning(words=dict.fromkeys(values, ""), refusal=refusal)


def never(refusal: str) -> Meaning:
    """Say why a name cannot be honoured, whatever its value."""
    return Meaning(words={}, refusal=refusal)


class Translated(NamedTuple):
    """A URL's options in our words.

    Args:
        texts: texts by our names, and those by names that nobody knows.
        names: our name -> what it is called in the URL, where that is another.
        firm: our names that a keyword may not say anything else about.
    """

    texts: dict[str, str]
    names: dict[str, str]
    firm: dict[str, str]


class ForeignNames(NamedTuple):
    """The names of a family of engines.

    Args:
        meanings: by name, with `_` where it may have `-`.
    """

    meanings: Mapping[str, Meaning]

    def get(self, name: str) -> Meaning | None:
        """Return what a name means."""
        return self.meanings.get(name.replace("-", "_"))

    def translate(
        self,
        texts: Mapping[str, str],
        *,
        known: Collection[str] = (),
        has_ca: bool = False,
    ) -> Translated:
        """Say a URL's options in our words.

        Args:
            texts: `DatabaseURL.options`.
            known: our own names, which go as they are.
            has_ca: a keyword names the certificates to trust.

        Returns:
            Texts by our names, not checked yet.

        Raises:
            URLError: a value cannot be honoured, or an option is given twice.

        Example:
            >>> from asyncdb.options.foreign import POSTGRESQL
            >>> said = {"sslmode": "require", "channel_binding": "require"}
            >>> POSTGRESQL.translate(said).texts
            {'tls': 'verify-full'}
        """
        found = Translated(texts={}, names={}, firm={})
        for name, text in texts.items():
            if name in known or self.get(name) is None:
                found.texts[name] = text
        for name, text in texts.items():
            meaning = None if name in known else self.get(name)
            if meaning is None:
                continue
            ours = meaning.in_ours(text)
            if ours is None:
                raise URLError(f"option {name!r} of the URL: {meaning.refusal}")
            for option, value in ours.items():
                _put(found, option, value, name)
                if meaning.firm:
                    found.firm[option] = name
        _verify(found, has_ca=has_ca)
        return found


def _put(found: Translated, option: str, value: str, name: str) -> None:
    before = found.texts.get(option)
    if before is not None and before != value:
        if option != "tls" or option not in found.names:
            other = found.names.get(option, option)
            raise URLError(
                f"{other!r} and {name!r} of the URL say the same thing (our option"
                f" {option!r}) in two ways: leave one out"
            )
        if _TLS.index(before) > _TLS.index(value):
            return
    found.texts[option] = value
    if before is None or before != value:
        found.names[option] = name


def _verify(found: Translated, *, has_ca: bool) -> None:
    """Have a certificate that is named for checking looked at.

    libpq's `sslmode=require` checks as soon as there is one, and an `ssl-ca` without
    a mode is not there for nothing.
    """
    texts, names = found.texts, found.names
    mode, by_them = texts.get("tls"), "tls" in names
    if mode == "require" and by_them and (has_ca or "tls_ca" in texts):
        texts["tls"] = "verify-ca"
    elif "tls_ca" in names and mode is None:
        texts["tls"] = "verify-full"
    elif "tls_ca" in names and mode in ("disable", "prefer"):
        raise URLError(
            f"{names['tls_ca']!r} of the URL names certificates to check the server's"
            f" by, and {names.get('tls', 'tls')!r} says that nothing is checked: leave"
            " the first out, or have it checked (tls=verify-full)"
        )
