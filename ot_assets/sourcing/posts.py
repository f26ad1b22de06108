"""Posts of a Stack Exchange dump: the `<row .../>` elements of a Posts.xml, streamed, one by one.

The file is cut where an element begins (in XML `<` stands nowhere else), and every row is read by expat on its own, with
no document type and so with no entities but XML's five. So a row that is damaged is one problem and the next is read as
usual; a document type, with which XML bombs and readers of other files begin, is refused as a whole; and memory holds one
row, of at most 64 MiB. What is read is UTF-8, UTF-16 by its mark, or what the XML declaration says.

Fails with UserError: a file that is no dump of posts, one that declares a document type. `packed` errors pass through.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import IO
from xml.parsers import expat

from ot_assets.sourcing.texts import as_utf8, peeked
from resources.errors import UserError

LONGEST = 64 * 1024 * 1024
"""Characters of a row beyond which it is not read."""

_BLOCK = 1 << 20
_DECLARED = re.compile(rb"""<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w.:-]+)["']""")
_SHOWN = 60
_BEYOND = 1 << 63


@dataclass(frozen=True, slots=True)
class Post:
    """One row of the dump."""

    index: int
    """Its number among the rows, from 0."""
    values: Mapping[str, str]
    """Attribute -> value; empty where it could not be read."""
    problem: str = ""
    """Why it could not be read."""

    def number(self, name: str) -> int | None:
        """A whole number among its values; None where there is none, or one of more than 64 bits, as no post has."""
        value = self.values.get(name, "").strip()
        try:
            found = int(value)
        except ValueError:
            return None
        return found if -_BEYOND <= found < _BEYOND else None


def read_posts(stream: IO[bytes], name: str, key: str, *, longest: int = LONGEST) -> Iterator[Post]:
    """All rows, in order. `name` is the file and `key` the source that errors name.

    A file that ends before its last element does ends with a post that says so.
    """
    index, damaged, ended = 0, False, False
    pieces = _pieces(_decoded(stream, name, key), longest)
    _check_head(pieces, name, key)
    for piece in pieces:
        ended = piece is not None and piece.startswith("/posts")
        if ended or (piece is not None and piece.startswith(("/row", "?", "!--"))):
            continue
        if piece is None or re.match(r"row[\s/>]", piece):
            post = _post(piece, index, longest)
        elif damaged:  # the rest of a damaged row
            continue
        else:
            post = Post(index, {}, f"<{_short(piece)} is no row")
        damaged = bool(post.problem)
        yield post
        index += 1
    if not ended and not damaged:
        yield Post(index, {}, "the file ends here, without </posts>: the rest of it is missing")


def _check_head(pieces: Iterator[str | None], name: str, key: str) -> None:
    """Reads up to the root. UserError where it is not `posts`, or where a document type is declared."""
    for piece in pieces:
        if piece is not None and piece.startswith(("?", "!--")):
            continue
        if piece is not None and piece.startswith("!"):
            raise UserError(
                f"{key}: {name} declares a document type (<{_short(piece)}), as a dump never does; it is not read",
                fix="use the dump as it was published",
            )
        if piece is not None and re.match(r"posts[\s/>]", piece):
            return
        raise UserError(
            f"{key}: {name} is no dump of posts: it begins with <{_short(piece or '...')}, not with <posts>",
            fix="name the Posts.xml of the dump in origin.paths",
        )
    raise UserError(f"{key}: {name} holds no XML, so it is no dump of posts", fix="use the dump as it was published")


def _post(piece: str | None, index: int, longest: int) -> Post:
    """The row in a piece of the file."""
    if piece is None:
        return Post(index, {}, f"longer than {longest:,} characters")
    text = f"<{piece.rstrip()}"
    if not text.endswith("/>"):
        text += "</row>"
    found: dict[str, str] = {}
    parser = expat.ParserCreate()
    parser.StartElementHandler = lambda tag, values: found.update(values)
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        return Post(index, {}, f"not XML: {expat.ErrorString(error.code)} at character {error.offset} of the row")
    except UnicodeEncodeError as error:
        return Post(index, {}, f"its text is broken at character {error.start}: bytes of another encoding")
    return Post(index, found)


def _pieces(stream: IO[bytes], longest: int) -> Iterator[str | None]:
    """What stands between one `<` and the next, without it; None for a piece that is too long.

    A comment is one piece, whatever stands in it.
    """
    rest: list[str] = []
    size, first, comment = 0, True, False
    for block in _blocks(stream):
        *whole, last = block.split("<")
        for piece in whole:
            rest.append(piece)
            text = "".join(rest) if size + len(piece) <= longest else None
            rest, size = [], 0
            if comment or first:  # what stands before the first `<` is a byte order mark or blanks
                comment, first = comment and "-->" not in (text or ""), False
                continue
            comment = text is not None and text.startswith("!--") and "-->" not in text
            yield text
        size += len(last)
        rest = [*rest, last] if size <= longest else []
    text = "".join(rest) if size <= longest else None
    if not first and not comment:
        yield text


def _blocks(stream: IO[bytes]) -> Iterator[str]:
    """Blocks of text; what is no UTF-8 becomes half characters, which a row's reading finds."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="surrogateescape")
    while block := stream.read(_BLOCK):
        yield decoder.decode(block)
    yield decoder.decode(b"", final=True)


def _decoded(stream: IO[bytes], name: str, key: str) -> IO[bytes]:
    """The stream as UTF-8, by its mark or by what its XML declaration says."""
    head, whole = peeked(stream, 256)
    found = _DECLARED.search(head)
    stated = found[1].decode("ascii") if found else None
    try:
        return as_utf8(whole, stated)
    except LookupError:
        raise UserError(
            f"{key}: {name} says it is in {stated!r}, an encoding that Python does not know", fix="convert it to UTF-8"
        ) from None


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else line[:_SHOWN] + "…"
