internal import Glibc

/// The kernel settings that decide what Apus may do. nil: this kernel does not have it.
package enum KernelSettings {
  /// kernel.yama.ptrace_scope: 0 classic, 1 only descendants, 2 only with CAP_SYS_PTRACE, 3 never.
  package static func ptraceScope() throws(SystemError) -> Int? {
    try number("/proc/sys/kernel/yama/ptrace_scope")
  }
  /// vm.overcommit_memory: 0 heuristic, 1 always, 2 never.
  package static func overcommitMemory() throws(SystemError) -> Int? {
    try number("/proc/sys/vm/overcommit_memory")
  }
  /// vm.memfd_noexec: 0 executable unless asked otherwise, 1 the reverse, 2 executable ones are refused.
  package static func memfdNoExec() throws(SystemError) -> Int? { try number("/proc/sys/vm/memfd_noexec") }

  /// The page size, in bytes.
  package static var pageSize: Int { sysconf(Int32(_SC_PAGESIZE)) }
  /// The smallest multiple of the page size that is not less than `bytes`.
  package static func wholePages(_ bytes: UInt64) -> UInt64 {
    let page = UInt64(pageSize)
    return (bytes + page - 1) & ~(page - 1)
  }

  private static func number(_ path: String) throws(SystemError) -> Int? {
    do throws(SystemError) {
      return Int(try WholeFile.text(path).filter { $0.isNumber })
    } catch {
      if error.errno == .noSuchFile { return nil }
      throw error
    }
  }
}
