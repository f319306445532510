internal import Glibc

/// A wait status of a traced task, taken apart.
enum WaitStatus: Equatable {
  case ended(Termination)
  case created(TraceEvent.Birth)
  case executed
  case vforkDone
  case exiting
  case systemCall
  /// PTRACE_EVENT_STOP with SIGTRAP: an interrupt, a new task, or the end of a group stop.
  case eventStop
  case groupStop(Int32)
  case signal(Int32)

  init(_ status: Int32) {
    guard status & 0xff == 0x7f else {
      self = .ended(Termination(waitStatus: status))
      return
    }
    let signal = status >> 8 & 0xff
    switch status >> 16 {
    case 1: self = .created(.fork)
    case 2: self = .created(.vfork)
    case 3: self = .created(.clone)
    case 4: self = .executed
    case 5: self = .vforkDone
    case 6: self = .exiting
    case 128: self = signal == SIGTRAP ? .eventStop : .groupStop(signal)
    default: self = signal == SIGTRAP | 0x80 ? .systemCall : .signal(signal)
    }
  }
}
