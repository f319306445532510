import ApusCore
import ApusSystem
import Glibc
import Testing

@Suite struct ProcFilesTests {
  @Test func namesWithSpacesAndDeletedFilesAndNewlines() throws {
    let maps = ProcessMaps.parse(
      """
      55d0c0a00000-55d0c0a21000 r-xp 00002000 fe:01 1234                       /tmp/a dir/my prog (deleted)
      7f0000000000-7f0000001000 rw-s 00000000 00:01 99                         /memfd:x (y) (deleted)
      7f0000002000-7f0000003000 ---p 00000000 00:00 0
      7f0000003000-7f0000004000 rw-p 00000000 00:00 0 
      7ffe00000000-7ffe00021000 rw-p 00000000 00:00 0                          [stack]
      7ffe00100000-7ffe00101000 r-xp 00000000 fe:01 5                          /a\\012b\\x
      ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]
      nonsense
      12-zz r-xp 0 0:0 0
      """)
    #expect(
      maps.map(\.name) == [
        "/tmp/a dir/my prog", "/memfd:x (y)", nil, nil, "[stack]", "/a\nb\\x", "[vsyscall]",
      ])
    let first = try #require(maps.first)
    #expect(first.range == AddressRange(0x55d0_c0a0_0000, 0x55d0_c0a2_1000) && first.isDeleted)
    #expect(first.isReadable && !first.isWritable && first.isExecutable && !first.isShared)
    #expect(first.offset == 0x2000 && first.inode == 1234 && first.device == "fe:01")
    #expect(maps[1].isShared && maps[1].isDeleted && !maps[4].isDeleted)
  }

  @Test func ownMapsHoldOwnCode() throws {
    let maps = try ProcessMaps.read(process: getpid())
    #expect(maps.contains { $0.name == "[vdso]" && $0.isExecutable })
    #expect(zip(maps, maps.dropFirst()).allSatisfy { $0.range.end <= $1.range.start })
  }

  @Test func statusLines() throws {
    let status = ProcessStatus.parse(
      "Name:\ta: b\nState:\tt (tracing stop)\nTgid:\t7\nPPid:\t3\nTracerPid:\t5\nUid:\t1\t2\t3\t4\n"
        + "NSpid:\t7\t1\nCapEff:\t0000000000080000\nSeccomp:\t2\n")
    #expect(status.process == 7 && status.parent == 3 && status.tracer == 5 && status.state == "t")
    #expect(status.users == [1, 2, 3, 4] && status.namespaceThreads == [7, 1] && status.seccomp == 2)
    #expect(status.hasCapability(19) && !status.hasCapability(21) && !status.hasCapability(64))
    #expect(ProcessStatus.parse("garbage") == ProcessStatus.parse(""))
    #expect(try ProcessStatus.read(process: getpid()).process == getpid())
    #expect(try ProcessStatus.read(process: getpid(), thread: SystemThread.current).tracer == 0)
  }

  @Test func settingsAreReadOrAbsent() throws {
    #expect([0, 1, 2].contains(try KernelSettings.overcommitMemory()))
    #expect([nil, 0, 1, 2, 3].contains(try KernelSettings.ptraceScope()))
    #expect([nil, 0, 1, 2].contains(try KernelSettings.memfdNoExec()))
  }
}
