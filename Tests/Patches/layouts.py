"""The layouts of structures and unions, by the debug information in an object file."""

import re
import subprocess

ENTRY = re.compile(r"<([0-9a-f]+)><([0-9a-f]+)>: Abbrev Number: \d+ \(DW_TAG_(\w+)\)")
ATTRIBUTE = re.compile(r"<[0-9a-f]+>\s+DW_AT_(\w+)\s*: (?:\(.*?\): |\([a-z0-9]+\) )?(.*)")
KINDS = ("structure_type", "union_type", "class_type")
PLACES = ("data_member_location", "data_bit_offset", "bit_offset", "bit_size")


def entries(path):
    """Yields (depth, offset, tag, {attribute: text}) for the debugging information entries that matter here."""
    wanted = (*KINDS, "member", "typedef", "pointer_type")
    run = subprocess.run(["readelf", "--debug-dump=info", path], capture_output=True, text=True, errors="replace", check=True)
    entry = None
    for line in run.stdout.splitlines():
        found = ENTRY.search(line)
        if found:
            if entry:
                yield entry
            entry = (int(found[1], 16), int(found[2], 16), found[3], {}) if found[3] in wanted else None
        elif entry:
            found = ATTRIBUTE.search(line)
            if found:
                entry[3][found[1]] = found[2].strip()
    if entry:
        yield entry


def layouts(path):
    """{name: (size, ((member, its place) …))}; a structure without a name has its typedef's, or that of a pointer to it."""
    types, names, open_types, pointers, typedefs = {}, {}, {}, {}, []
    for depth, offset, tag, attributes in entries(path):
        if tag in KINDS:
            types[offset] = [attributes.get("byte_size", "declared"), []]
            open_types[depth] = offset
            if "name" in attributes:
                names[offset] = attributes["name"]
        elif tag == "member":
            # (A static one is a declaration.)
            if "declaration" in attributes:
                continue
            place = tuple(attributes.get(p, "") for p in PLACES)
            if depth - 1 in open_types:
                types[open_types[depth - 1]][1].append((attributes.get("name", ""), place))
        elif "type" in attributes:
            referred = int(attributes["type"].strip("<>"), 16)
            if tag == "pointer_type":
                pointers[offset] = referred
            elif "name" in attributes:
                typedefs.append((referred, attributes["name"]))
    for referred, name in typedefs:
        names.setdefault(referred, name)
    for referred, name in typedefs:
        if referred in pointers:
            names.setdefault(pointers[referred], name)
    found = {}
    for offset, (size, members) in types.items():
        if offset in names and size != "declared":
            found.setdefault(names[offset], set()).add((size, tuple(members)))
    return found


def changed(before, after):
    """The names of the structures that both object files have, with another size or with members at other places."""
    old, new = layouts(before), layouts(after)
    return sorted(name for name in old.keys() & new.keys() if old[name] != new[name])
