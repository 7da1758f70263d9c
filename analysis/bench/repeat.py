"""Makes a longer recording of a short one of LTTng-UST 2.13: the same packets over and over, each time later.

    python3 analysis/bench/repeat.py DIR COPY TIMES
"""

import shutil
import struct
import sys
from pathlib import Path

# Where they stand in a packet: timestamp_begin, timestamp_end, content_size, packet_size, packet_seq_num.
CONTEXT = struct.Struct("<QQQQQ")
PLACE = 32
# The first event behind the context.
EVENTS = PLACE + 6 * 8 + 4
# An event's header has the low 32 bits of its time, which a shift by multiples of this leaves as they are; only the first
# event of a buffer, or one after a silence longer than this, has all 64: id 65535, the id, the time.
WRAP = 1 << 32
EXTENDED = struct.Struct("<HIQ")


class Failure(Exception):
    """Why a recording cannot be repeated."""


def data_files(directory):
    """The files that hold events."""
    return sorted(
        path for path in Path(directory).rglob("*")
        if path.is_file() and path.name != "metadata" and path.parent.name != "index")


def packets(data):
    """Where the packets of a file are, and what their contexts say."""
    place = 0
    while place < len(data):
        context = CONTEXT.unpack_from(data, place + PLACE)
        if context[3] % 8 or not 0 < context[3] // 8 <= len(data) - place:
            raise Failure(f"no packet at byte {place}")
        yield place, context
        place += context[3] // 8


def repeat(directory, copy, times):
    """Makes `copy` the recording in `directory`, shorter than 4 seconds, `times` times over. Index files are left out: they
    would be wrong."""
    shutil.copytree(directory, copy, ignore=shutil.ignore_patterns("index"))
    files = data_files(copy)
    contents = [(path, data, list(packets(data))) for path in files if (data := path.read_bytes())]
    found = [context for _, _, parts in contents for _, context in parts]
    span = max(context[1] for context in found) - min(context[0] for context in found)
    if span >= WRAP:
        raise Failure(f"{directory} is longer than {WRAP / 1e9:.1f} s")
    for path, data, parts in contents:
        result = bytearray()
        for round_number in range(times):
            part = bytearray(data)
            later = round_number * WRAP
            for place, (begin, end, content, size, sequence) in parts:
                CONTEXT.pack_into(
                    part, place + PLACE, begin + later, end + later, content, size, sequence + round_number * len(parts))
                if content // 8 < EVENTS + EXTENDED.size:
                    continue
                mark, number, time = EXTENDED.unpack_from(part, place + EVENTS)
                if mark == 0xFFFF:
                    EXTENDED.pack_into(part, place + EVENTS, mark, number, time + later)
            result += part
        path.write_bytes(result)
    return copy


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    try:
        repeat(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
    except (Failure, OSError, ValueError) as failure:
        sys.exit(f"repeat: {failure}")
