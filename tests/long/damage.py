"""Files as they come out of a failing disk or a careless hand."""

import random
import re

TOKENS = re.compile(rb'[-+0-9.eE]+|"[^"]*"|[a-z]+')
WORDS = [
    *(b"1e400", b"-1e308", b"1e200", b"nan", b"NaN", b"inf", b"Infinity", b"0", b"-1", b"0.0", b"9" * 400, b"9" * 5000),
    *(b"null", b"true", b"{}", b"[]", b'""', b'"x"', b"[[[]]]", b"\xff", b"\x00", b"-", b"[" * 100_000),
]


def damaged(data: bytes, drawn: random.Random) -> bytes:
    """Bytes with one to three changes: cut, overwritten, a word or number replaced, a part lost or repeated."""
    data = bytearray(data)
    for _ in range(drawn.randrange(1, 4)):
        at = drawn.randrange(len(data) or 1)
        match drawn.randrange(6):
            case 0:
                del data[at:]
            case 1:
                data[at : at + 4] = drawn.randbytes(4)
            case 2 | 3:
                words = [found.span() for found in TOKENS.finditer(bytes(data))]
                if words:
                    data[slice(*drawn.choice(words))] = drawn.choice(WORDS)
            case 4:
                del data[at : at + drawn.randrange(1, 80)]
            case 5:
                data[at:at] = data[at : at + drawn.randrange(1, 200)]
    return bytes(data)
