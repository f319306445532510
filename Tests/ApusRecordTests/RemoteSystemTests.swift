import ApusSystem
import Glibc
import Testing

@testable import ApusRecord

@Suite struct RemoteSystemTests {
  @Test(arguments: [
    ("7 (cat) R 1 7 7 34816 7 4194304 95 0", false), ("7 (cat) S 1 7 7 34816 7 4194368 95 0", false),
    ("7 (cat) Z 1 7 7 34816 7 4194304 95 0", true), ("7 (cat) X 1 7 7 34816 7 4194304 95 0", true),
    // The kernel is ending it: it is not dead yet, but runs no more.
    ("7 (cat) R 1 7 7 34816 7 4194308 95 0", true), ("7 (cat) D 1 7 7 34816 7 4194316 95 0", true),
    ("7 (a) Z 4 (b) 4 c) R 1 7 7 34816 7 64 95 0", false), ("7 (a) R 0) Z 1 7 7 34816 7 64 95 0", true),
    ("7 (cat) R 1 7", false), ("", false), ("7 (cat)", false),
  ])
  func whoIsOver(stat: String, isOver: Bool) {
    #expect(RemoteSystem.isOver(stat: stat) == isOver)
  }

  /// As this kernel writes it: a child that has ended and is not waited for, and ourselves.
  @Test func thisKernelsOwn() throws {
    var child: pid_t = 0
    let arguments = unsafe [strdup("/bin/true"), nil]
    defer { unsafe free(arguments[0]) }
    try #require(unsafe posix_spawn(&child, "/bin/true", nil, nil, arguments, nil) == 0)
    defer { _ = unsafe waitpid(child, nil, 0) }
    func stat(_ process: pid_t) throws -> String { try WholeFile.text("/proc/\(process)/stat") }
    for _ in 0..<1000 where try !RemoteSystem.isOver(stat: stat(child)) { usleep(10_000) }
    #expect(try RemoteSystem.isOver(stat: stat(child)))
    #expect(try !RemoteSystem.isOver(stat: stat(getpid())))
  }
}
