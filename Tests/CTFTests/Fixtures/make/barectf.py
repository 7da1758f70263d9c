#!/usr/bin/env python3
"""Makes the fixtures that barectf writes, in the directory given: python3 barectf.py /tmp/fixtures

Needs barectf 3.1 (PyPI) and gcc. Each fixture is one configuration; barectf.c is compiled for each.
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent


def uint(size, align=8):
    return {"class": "uint", "size": size, "alignment": align}


# Name: byte order, alignment of integers, features of the trace, of packets and of event records, the clock, the
# packets' size in bytes.
CONFIGURATIONS = {
    "little-default": ("little-endian", 8, {}, {}, {}, (64, 1000000000), 256),
    "big-default": ("big-endian", 8, {}, {}, {}, (64, 1000000000), 256),
    "little-aligned": ("little-endian", 32, {}, {}, {}, (64, 1000), 512),
    "big-packed": ("big-endian", 1, {}, {"total-size-field-type": uint(19, 1), "content-size-field-type": uint(21, 1)},
                   {"type-id-field-type": uint(3, 1), "timestamp-field-type": uint(27, 1)}, (32, 8000000), 256),
    "little-packed": ("little-endian", 1, {"magic-field-type": False, "uuid-field-type": False},
                      {"total-size-field-type": uint(33, 1), "content-size-field-type": uint(17, 1)},
                      {"type-id-field-type": uint(2, 1), "timestamp-field-type": uint(21, 1)}, (64, 3000000), 256),
    "no-clock": ("little-endian", 8, {}, {"beginning-timestamp-field-type": False, "end-timestamp-field-type": False},
                 {"timestamp-field-type": False}, None, 256),
    "no-counters": ("big-endian", 16, {"data-stream-type-id-field-type": False},
                    {"discarded-event-records-counter-snapshot-field-type": False,
                     "sequence-number-field-type": False}, {}, (64, 1000000000), 384),
    "small-sizes": ("little-endian", 8, {"uuid-field-type": False},
                    {"total-size-field-type": uint(16), "content-size-field-type": uint(16),
                     "beginning-timestamp-field-type": uint(64), "end-timestamp-field-type": uint(64),
                     "discarded-event-records-counter-snapshot-field-type": uint(8),
                     "sequence-number-field-type": uint(8)},
                    {"type-id-field-type": uint(8), "timestamp-field-type": uint(32)}, (64, 1000000000), 256),
}


def configuration(order, align, trace, packet, record, clock):
    def integer(kind, size, base="dec"):
        return {"class": kind, "size": size, "alignment": align, "preferred-display-base": base}

    def field(name, kind):
        return {name: {"field-type": kind}}

    numbers = [
        field("u8", integer("uint", 8, "hex")), field("s16", integer("sint", 16)),
        field("u32", integer("uint", 32, "oct")), field("s64", integer("sint", 64)),
        field("bits5", integer("uint", 5, "bin") | {"alignment": 1}),
        field("bits4", integer("sint", 4) | {"alignment": 1}),
        field("kind", {"class": "uenum", "size": 6, "alignment": 1, "mappings": {"zero": [0], "more": [[1, 5]]}}),
        field("f", {"class": "real", "size": 32, "alignment": max(align, 8)}),
        field("d", {"class": "real", "size": 64, "alignment": max(align, 8)}),
    ]
    texts = [
        field("s", {"class": "str"}),
        field("arr", {"class": "static-array", "length": 3, "element-field-type": integer("uint", 16)}),
        field("seq", {"class": "dynamic-array", "element-field-type": integer("uint", 16)}),
        field("last", integer("uint", 13) | {"alignment": 1}),
    ]
    # Without packet contexts of their own, sizes default to 64 bits.
    main = {
        "$is-default": True,
        "$features": {"packet": packet, "event-record": record},
        "packet-context-field-type-extra-members": [field("cpu_id", integer("uint", 7) | {"alignment": 1})],
        "event-record-types": {
            "numbers": {"payload-field-type": {"class": "struct", "minimum-alignment": align, "members": numbers}},
            "texts": {"log-level": 6, "payload-field-type": {"class": "struct", "members": texts}},
            "empty": {"payload-field-type": {"class": "struct"}},
        },
    }
    kind = {
        "trace-byte-order": order,
        "$features": trace, "data-stream-types": {"main": main},
        "uuid": "79e49040-21b5-42d4-a83b-646f78666b62",
    }
    if clock:
        main["$default-clock-type-name"] = "ticks"
        kind["clock-types"] = {"ticks": {
            "frequency": clock[1], "offset": {"seconds": 1700000000, "cycles": 12}, "$c-type": f"uint{clock[0]}_t"}}
    return {"options": {"code-generation": {"header": {"identifier-prefix-definition": True,
                                                       "default-data-stream-type-name-definition": True}}},
            "trace": {"type": kind, "environment": {"site": "fixtures", "number": -5}}}


def main():
    out = pathlib.Path(sys.argv[1]).resolve()
    for name, (order, align, trace, packet, record, clock, size) in CONFIGURATIONS.items():
        directory = out / f"barectf-{name}"
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as work:
            work = pathlib.Path(work)
            # A JSON document is a YAML document, but for the tag in front.
            text = json.dumps(configuration(order, align, trace, packet, record, clock))
            (work / "config.yaml").write_text("--- !<tag:barectf.org,2020/3/config>\n" + text + "\n")
            subprocess.run(["barectf", "generate", "--metadata-dir", directory, "config.yaml"], cwd=work, check=True)
            # Only the data: without the comment about the generator.
            metadata = (directory / "metadata").read_text()
            (directory / "metadata").write_text(re.sub(r"\n/\*.*?\*/\n", "", metadata, count=1, flags=re.DOTALL))
            flags = [f"-DCLOCK=uint{clock[0]}_t"] if clock else []
            subprocess.run(["gcc", "-O1", "-I.", *flags, "-DEXTRA=, 5", HERE / "barectf.c", "barectf.c", "-o", "write"],
                           cwd=work, check=True)
            subprocess.run([work / "write", directory / "stream", "40", str(size)], check=True)


main()
