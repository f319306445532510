import ApusSystem
internal import Glibc

/// Why a process may not be traced, and what to do about it.
enum TraceRefusal {
  /// - Parameter errno: what PTRACE_SEIZE gave.
  static func reason(_ process: ProcessID, errno: Errno) -> String {
    let own: ProcessStatus
    let other: ProcessStatus
    let scope: Int?
    do throws(SystemError) {
      own = try ProcessStatus.read(process: getpid())
      other = try ProcessStatus.read(process: process)
      scope = try KernelSettings.ptraceScope()
    } catch {
      return "\(errno)"
    }
    if let tracer = other.tracer, tracer != 0 {
      return "process \(tracer) traces it already (a debugger or strace?); a process has one tracer at most"
    }
    guard errno == .notPermitted else { return "\(errno)" }
    let isPrivileged = own.hasCapability(19)
    if scope == 3 {
      return "kernel.yama.ptrace_scope is 3, which allows no tracing until the next boot"
    }
    if !isPrivileged, let scope, scope > 0 {
      return "kernel.yama.ptrace_scope is \(scope): run apus as root, start the program with apus, or run "
        + "`sysctl kernel.yama.ptrace_scope=0`"
    }
    if !isPrivileged, other.users.first != own.users.first {
      return "it belongs to user \(other.users.first ?? 0): run apus as that user or as root"
    }
    if !isPrivileged {
      return "it has privileges of its own or is not dumpable (prctl(PR_SET_DUMPABLE)): run apus as root"
    }
    return
      "\(errno) (is it a kernel thread, or forbidden by a security module or a container's seccomp filter?)"
  }
}
