"""Writes a recording of LTTng 2.13 again as LTTng 2.14 and 2.15 lay out its metadata: the same data files, other words.

    python3 analysis/bench/translate.py DIR COPY
"""

import os
import re
import shutil
import struct
import sys
from pathlib import Path

MAGIC = 0x75D11D57
PACKET_HEADER = struct.Struct("I16sIIIBBBBB")


class Failure(Exception):
    """Why a recording cannot be translated."""


def text(data):
    """The text of a metadata file, taken out of its packets (CTF 1.8, section 7.1)."""
    orders = [order for order in "<>" if data[:4] == struct.pack(order + "I", MAGIC)]
    if not orders:
        return data.decode()
    parts, place = [], 0
    while place < len(data):
        fields = struct.unpack_from(orders[0] + PACKET_HEADER.format, data, place)
        content, packet = fields[3] // 8, fields[4] // 8
        if fields[0] != MAGIC or packet < 37:
            raise Failure(f"the metadata has no packet at byte {place}")
        parts.append(data[place + 37:place + content])
        place += packet
    return b"".join(parts).decode()


def relaid(metadata):
    """The text with event headers as 2.14 writes them: labels are strings in the order of a hash table, numbers are
    spelled out, no structure has an alignment."""
    for name, size in [("compact", 5), ("large", 16)]:
        found = re.search(rf"struct event_header_{name} \{{.*?\}} align\((\d+)\);", metadata, re.DOTALL)
        if not found:
            raise Failure(f"the metadata has no struct event_header_{name}: it is not of LTTng 2.13")
        last = (1 << size) - 2
        header = re.sub(
            r"enum : uint\d+_t \{.*?\}",
            f'enum : integer {{ size = {size}; align = {1 if size == 5 else found[1]}; }} '
            f'{{ "extended" = {last + 1}, "compact" = 0 ... {last}, }}', found[0], flags=re.DOTALL)
        metadata = metadata.replace(found[0], re.sub(r" align\(\d+\);$", ";", header))
    return metadata


def translate(directory, copy):
    """Makes `copy` the translation of the recording in `directory`; data files are links to its own."""
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(directory, copy, copy_function=os.link)
    found = [path for path in Path(copy).rglob("metadata") if path.is_file()]
    if not found:
        raise Failure(f"there is no metadata below {directory}")
    for path in found:
        metadata = relaid(text(path.read_bytes()))
        path.unlink()
        path.write_text(metadata)
    return copy


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        translate(Path(sys.argv[1]), Path(sys.argv[2]))
    except (Failure, OSError) as failure:
        sys.exit(f"translate: {failure}")
