#!/usr/bin/env python3
"""Compares exports of a trace with its report.

usage: check_exports.py PERFETTO CHROME REPORT_JSON

PERFETTO is read by the published schema (pip package perfetto), CHROME as the JSON of the Trace Event Format, REPORT_JSON is
what `apus report --format json` wrote. The calls of every function, and its total time (outermost activations
only), must be equal in all three. Exit status 0 if they are. Traces whose frames move between threads are
not for this check: slices of a track must nest.
"""
import json
import sys
from collections import defaultdict


class Sums:
    def __init__(self):
        self.calls = defaultdict(int)
        self.total = defaultdict(int)

    def add(self, name, duration, outermost):
        self.calls[name] += 1
        if outermost:
            self.total[name] += duration


def perfetto(path):
    from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import Trace, TrackEvent, TracePacket

    trace = Trace()
    with open(path, "rb") as file:
        trace.ParseFromString(file.read())
    sums, names, threads, processes = Sums(), {}, {}, set()
    stacks, last = defaultdict(list), {}

    def close(track, time):
        name, start = stacks[track].pop()
        sums.add(name, time - start, all(other != name for other, _ in stacks[track]))

    cleared = False
    for packet in trace.packet:
        if packet.HasField("track_descriptor"):
            track = packet.track_descriptor
            if track.HasField("thread"):
                threads[track.uuid] = track
            if track.HasField("process"):
                processes.add(track.uuid)
            continue
        if packet.sequence_flags & TracePacket.SEQ_INCREMENTAL_STATE_CLEARED:
            cleared = True
            names.clear()
        for entry in packet.interned_data.event_names:
            assert entry.iid not in names, "interned twice"
            names[entry.iid] = entry.name
        if not packet.HasField("track_event"):
            continue
        assert cleared, "interned names are used before the state is cleared"
        assert packet.trusted_packet_sequence_id, "a packet has no sequence"
        assert packet.timestamp_clock_id == 3, "a timestamp is not of CLOCK_MONOTONIC"
        event = packet.track_event
        track, time = event.track_uuid, packet.timestamp
        assert time >= last.get(track, 0), "time goes backwards on a track"
        last[track] = time
        if event.type == TrackEvent.TYPE_SLICE_BEGIN:
            stacks[track].append((names[event.name_iid], time))
        elif event.type == TrackEvent.TYPE_SLICE_END:
            close(track, time)
    for track in list(stacks):
        assert track in threads, f"track {track} is not described"
        assert threads[track].parent_uuid in processes, f"track {track} has no process"
        while stacks[track]:
            close(track, last[track])
    return sums


def chrome(path):
    with open(path) as file:
        events = json.load(file, parse_float=str)["traceEvents"]

    def nanoseconds(text):
        whole, _, fraction = str(text).partition(".")
        return int(whole) * 1000 + int(fraction.ljust(3, "0") or 0)

    sums, tracks = Sums(), defaultdict(list)
    for order, event in enumerate(events):
        if event["ph"] == "M":
            continue
        assert event["ph"] == "X", event
        start, duration = nanoseconds(event["ts"]), nanoseconds(event["dur"])
        # Frames are written when they end: of two that start together, the outer one comes later in the file.
        tracks[event["pid"], event["tid"]].append((start, -duration, -order, event["name"]))
    for track in tracks.values():
        track.sort()
        stack = []
        for start, duration, order, name in track:
            end = start - duration
            # A frame that ends before this starts is not around it; nor is one that is written before it.
            while stack and (stack[-1][0] < end or stack[-1][2] < -order):
                stack.pop()
            sums.add(name, -duration, all(other != name for _, other, _ in stack))
            stack.append((end, name, -order))
    return sums


def report(path):
    sums = Sums()
    with open(path) as file:
        for row in json.load(file):
            sums.calls[row["name"]] += row["calls"]
            sums.total[row["name"]] += row["total_ns"]
    return sums


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    wanted = report(sys.argv[3])
    failures = 0
    for kind, sums in (("perfetto", perfetto(sys.argv[1])), ("chrome", chrome(sys.argv[2]))):
        for name in sorted(wanted.calls.keys() | sums.calls.keys()):
            for what in ("calls", "total"):
                want, have = getattr(wanted, what)[name], getattr(sums, what)[name]
                if want != have:
                    failures += 1
                    print(f"{kind}: {name}: {what} {have}, report says {want}")
    print(f"{len(wanted.calls)} functions, {sum(wanted.calls.values())} calls: " + ("differ" if failures else "agree"))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
