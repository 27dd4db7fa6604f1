"""E-mail addresses: what counts as one, and when two are the same."""

from __future__ import annotations

import hashlib
import re
import unicodedata

from msgspec import Struct

from septet.core.errors import Invalid

LONGEST_ADDRESS = 254  # RFC 5321, with the brackets of its path taken off
_LONGEST_LOCAL_PART = 64
_INVISIBLE = ("Cc", "Cf", "Cs")  # Unicode's control characters, format characters and surrogates
# Written as what they leave out, for so they compile in no time: ASCII's other characters, and what is invisible
# beyond it. The rest, of any language, is letters as far as we know.
_ATOM = r"""[^\x00-\x20"(),.:;<>@\[\\\]\x7f-\xa0]+"""
_LOCAL_PART = re.compile(rf"{_ATOM}(\.{_ATOM})*\Z")
_ALPHANUMERIC = r"[^\x00-/:-@\[-`{-\xa0]"
_LABEL = rf"{_ALPHANUMERIC}([^\x00-,./:-@\[-`{{-\xa0]{{0,61}}{_ALPHANUMERIC})?"
_DOMAIN = re.compile(rf"(localhost|{_LABEL}(\.{_LABEL})+)\Z")


class Address(Struct, frozen=True):
    """An address as its owner writes it, and the key by which it is told from others."""

    text: str
    key: str

    def hidden(self, place: str = "") -> str:
        """Tells addresses apart, or one as used from one place, in limits, without keeping them in memory."""
        return hashlib.sha256(f"{self.key}\0{place}".encode()).hexdigest()[:32]


def read_address(text: str, pointer: str = "/email") -> Address:
    """The address in `text`. Raises Invalid for what cannot be one.

    Comments, quoted local parts and address literals are legal in RFC 5322 and refused here: nobody has them,
    and they make two spellings of one mailbox. An international domain is taken as it is written.
    """
    local_part, at, domain = text.strip().partition("@")
    address = f"{local_part}{at}{domain}"
    if (
        any(character.isspace() or unicodedata.category(character) in _INVISIBLE for character in address)
        or not _LOCAL_PART.match(local_part)
        or not _DOMAIN.match(domain)
        or len(local_part.encode()) > _LONGEST_LOCAL_PART
        or len(address.encode()) > LONGEST_ADDRESS
    ):
        raise Invalid("This is no e-mail address.", pointer=pointer)
    return Address(address, key_of(address))


def key_of(address: str) -> str:
    """The same for every spelling of an address: letters of both cases, and of every width, are one."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", address).casefold())
