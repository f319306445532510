internal import ApusSystem
package import ArgumentParser
internal import Glibc

/// `apus doctor`
package struct DoctorCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "doctor", abstract: "Show what this machine and this user can do, and how to mend the rest.")

  package init() {}

  private struct Finding {
    var isGood: Bool
    var what: String
    var advice: String?
  }

  package func run() throws {
    let findings = [architecture, kernel, tracing, sharedMemory, counter, overcommit, files]
    var bad = 0
    for finding in findings {
      print((finding.isGood ? "ok    " : "mend  ") + finding.what)
      if !finding.isGood {
        bad += 1
        if let advice = finding.advice { print("      " + advice) }
      }
    }
    if bad > 0 { throw ProgramStatus(value: 1) }
  }

  private var release: (machine: String, release: String) {
    var name = utsname()
    unsafe uname(&name)
    func text(_ field: some Any) -> String {
      unsafe withUnsafeBytes(of: field) { unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
    return (text(name.machine), text(name.release))
  }

  private var architecture: Finding {
    let machine = release.machine
    return Finding(
      isGood: ["x86_64", "aarch64"].contains(machine), what: "machine \(machine)",
      advice: "programs can be recorded on x86_64 and arm64; traces can be read anywhere")
  }

  private var kernel: Finding {
    let release = release.release
    let numbers = release.split { !$0.isNumber }.prefix(2).compactMap { Int($0) }
    let isNew = numbers.count == 2 && (numbers[0], numbers[1]) >= (5, 6)
    return Finding(
      isGood: isNew, what: "kernel \(release)", advice: "5.6 or later is needed, for pidfd_getfd")
  }

  private var tracing: Finding {
    do throws(SystemError) {
      switch try KernelSettings.ptraceScope() ?? 0 {
      case 0: return Finding(isGood: true, what: "ptrace: own processes, running ones too")
      case 1:
        return Finding(isGood: true, what: "ptrace: programs that apus starts (kernel.yama.ptrace_scope = 1)")
      case 2:
        return Finding(
          isGood: geteuid() == 0, what: "ptrace: administrators only (kernel.yama.ptrace_scope = 2)",
          advice: "run as root, or: sysctl kernel.yama.ptrace_scope=1")
      default:
        return Finding(
          isGood: false, what: "ptrace: forbidden (kernel.yama.ptrace_scope = 3)",
          advice: "this setting lasts until the next boot: change it in /etc/sysctl.d and reboot")
      }
    } catch { return Finding(isGood: false, what: "ptrace: \(error)", advice: "is /proc mounted?") }
  }

  private var sharedMemory: Finding {
    do throws(SystemError) {
      let limit = try KernelSettings.memfdNoExec() ?? 0
      if limit >= 2 {
        return Finding(
          isGood: false, what: "executable memory files are forbidden (vm.memfd_noexec = \(limit))",
          advice: "trampolines need one: sysctl vm.memfd_noexec=0")
      }
      _ = try FileDescriptor.memory(named: "apus-doctor", bytes: 4096, executable: true)
      return Finding(isGood: true, what: "executable memory files (memfd_create)")
    } catch {
      return Finding(
        isGood: false, what: "memory files: \(error)", advice: "a seccomp filter may forbid them")
    }
  }

  private var counter: Finding {
    let first = ProcessorCounter.read()
    let second = ProcessorCounter.read()
    let info: String
    do throws(SystemError) { info = try WholeFile.text("/proc/cpuinfo") } catch { info = "" }
    // A counter that says its frequency (arm64's generic timer) has no other.
    let isSteady =
      ProcessorCounter.frequency != nil || info.contains("constant_tsc") && info.contains("nonstop_tsc")
    return Finding(
      isGood: second >= first && isSteady, what: "time-stamp counter that runs evenly",
      advice: "times may be wrong on this processor: use --no-time")
  }

  private var overcommit: Finding {
    do throws(SystemError) {
      let mode = try KernelSettings.overcommitMemory() ?? 0
      return Finding(
        isGood: mode != 2, what: "memory overcommitment (vm.overcommit_memory = \(mode))",
        advice:
          "with strict accounting apus reserves less, and fewer stacks can be recorded at once: sysctl vm.overcommit_memory=0"
      )
    } catch { return Finding(isGood: false, what: "overcommitment: \(error)", advice: nil) }
  }

  private var files: Finding {
    var limit = rlimit()
    _ = unsafe getrlimit(__rlimit_resource_t(UInt32(RLIMIT_AS.rawValue)), &limit)
    let isUnlimited = limit.rlim_cur == rlim_t.max
    return Finding(
      isGood: isUnlimited,
      what: "address space \(isUnlimited ? "not limited" : "limited to \(limit.rlim_cur >> 20) MiB")",
      advice: "apus reserves addresses in the program: ulimit -v unlimited")
  }
}
