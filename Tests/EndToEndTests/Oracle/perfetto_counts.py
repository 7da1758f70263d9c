"""Reads a trace with Perfetto's own schema and says what is in it, as JSON: what is held against the rows of tables.

    perfetto_counts.py TRACE
"""

import collections
import json
import sys

from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as schema

BEGIN, END, INSTANT = 1, 2, 3


def main(path):
    trace = schema.Trace()
    with open(path, "rb") as file:
        trace.ParseFromString(file.read())
    names, categories, keys, tracks = {}, {}, {}, {}
    events = collections.defaultdict(list)
    points, ended = collections.Counter(), set()
    for number, packet in enumerate(trace.packet):
        assert packet.trusted_packet_sequence_id == 1
        for entry in packet.interned_data.event_names:
            names[entry.iid] = entry.name
        for entry in packet.interned_data.event_categories:
            categories[entry.iid] = entry.name
        for entry in packet.interned_data.debug_annotation_names:
            keys[entry.iid] = entry.name
        # All state is made once, before what needs it.
        assert (packet.sequence_flags & 1 != 0) == (number == 0)
        if packet.HasField("track_descriptor"):
            descriptor = packet.track_descriptor
            assert descriptor.uuid not in tracks and (descriptor.parent_uuid in tracks or descriptor.HasField("process"))
            tracks[descriptor.uuid] = descriptor
        if not packet.HasField("track_event"):
            continue
        event = packet.track_event
        assert event.track_uuid in tracks and packet.sequence_flags == 2
        named = event.type == END or (event.name_iid in names and event.category_iids[0] in categories)
        assert named and all(one.name_iid in keys for one in event.debug_annotations)
        events[event.track_uuid].append((packet.timestamp, event))
        for flow in list(event.flow_ids) + list(event.terminating_flow_ids):
            assert flow not in ended
            points[flow] += 1
        ended.update(event.terminating_flow_ids)
    slices, instants, depths = [], collections.Counter(), {}
    for uuid, found in events.items():
        # As the trace processor does: by time, and what is of one time in the order of the file.
        found.sort(key=lambda one: one[0])
        open_slices = []
        name = tracks[uuid].name or tracks[uuid].thread.thread_name
        for time, event in found:
            category = categories[event.category_iids[0]] if event.category_iids else None
            if event.type == BEGIN:
                open_slices.append((time, category, names[event.name_iid]))
                depths[category] = max(depths.get(category, 0), len(open_slices))
            elif event.type == END:
                begin, category, label = open_slices.pop()
                slices.append((category, name, label, time - begin))
            else:
                assert event.type == INSTANT
                instants[category + ":" + names[event.name_iid]] += 1
        assert not open_slices
    counts, times, threads = collections.Counter(), collections.Counter(), collections.Counter()
    for category, name, label, duration in slices:
        counts[category] += 1
        times[category] += duration
        if category == "state":
            threads[name + ":" + label] += duration
    processes = [one.process.process_name for one in tracks.values() if one.HasField("process")]
    named = [(one.parent_uuid, one.name or one.thread.thread_name) for one in tracks.values() if one.parent_uuid]
    assert len(set(named)) == len(named)
    print(json.dumps({
        "slices": counts, "times": times, "threads": threads, "instants": instants, "depths": depths,
        "flows": len(points), "endedFlows": len(ended), "shortestFlow": min(points.values(), default=0),
        "processes": processes,
    }))


main(sys.argv[1])
