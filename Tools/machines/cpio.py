"""Writes cpio archives of the "newc" format, which the kernel unpacks as its first root file system.

The layout is that of the kernel's Documentation/driver-api/early-userspace/buffer-format.rst: per entry, a header of
hexadecimal fields, the name with a final zero, the data; name and data padded to 4 bytes. Archives may be concatenated.
"""

import os
import stat


class Archive:
    """An archive being written to `file`; everything in it belongs to root."""

    def __init__(self, file):
        self.file = file
        self.inode = 0
        self.directories = {""}

    def add(self, name, mode, data=b"", device=(0, 0)):
        """One entry; `mode` with its file type. The directories above it are made if they were not yet."""
        name = name.strip("/")
        parent = os.path.dirname(name)
        if parent not in self.directories:
            self.directory(parent)
        self._entry(name, mode, data, device)

    def directory(self, name, mode=0o755):
        name = name.strip("/")
        if name not in self.directories:
            self.add(name, stat.S_IFDIR | mode)
            self.directories.add(name)

    def regular(self, name, data, mode=0o644):
        self.add(name, stat.S_IFREG | mode, data)

    def link(self, name, target):
        self.add(name, stat.S_IFLNK | 0o777, os.fsencode(target))

    def tree(self, root, under):
        """All directories, files and symbolic links below the directory `root` of this machine, as `under`/…"""
        self.directory(under)
        for directory, names, files in os.walk(root):
            place = os.path.normpath(os.path.join(under, os.path.relpath(directory, root)))
            self.directory(place)
            for name in files + [name for name in names if os.path.islink(os.path.join(directory, name))]:
                path = os.path.join(directory, name)
                if os.path.islink(path):
                    self.link(os.path.join(place, name), os.readlink(path))
                elif os.path.isfile(path):
                    with open(path, "rb") as file:
                        self.regular(os.path.join(place, name), file.read(), stat.S_IMODE(os.stat(path).st_mode))

    def close(self):
        """The trailer; padded so that another archive may follow."""
        self._entry("TRAILER!!!", 0, b"", (0, 0))
        self.file.write(bytes(-self.file.tell() % 512))

    def _entry(self, name, mode, data, device):
        self.inode += 1
        encoded = os.fsencode(name) + b"\0"
        links = 2 if stat.S_ISDIR(mode) else 1
        fields = [self.inode, mode, 0, 0, links, 0, len(data), 0, 0, *device, len(encoded), 0]
        header = b"070701" + b"".join(b"%08X" % field for field in fields)
        self.file.write(header + encoded + bytes(-(len(header) + len(encoded)) % 4))
        self.file.write(data)
        self.file.write(bytes(-len(data) % 4))
