package import ApusCore
package import ApusELF
package import ApusISA
package import ApusProcess
package import ApusSystem
package import ApusTrampoline

/// What can go wrong while code is put into a process.
package enum LiveTextError: Error, Sendable {
  /// A step on the process failed.
  case process(TraceError)
  /// Memory could not be read or written.
  case memory(ApusProcess.MemoryError)
  /// A system call of our own failed.
  case system(SystemError)
  /// Code could not be generated.
  case lowering(LoweringError)
  /// No gap of the address space is large enough and near enough.
  case noGap(near: AddressRange, bytes: UInt64)
  /// The process may not have the memory that tracing needs.
  case noMemory(bytes: UInt64, errno: Errno)
  /// The process may not have files as large as its trace's memory, nor can it be shared memory of another kind.
  case fileLimit(bytes: UInt64, SystemError)
  /// An arena is full.
  case arenaFull(base: Address)
  /// More arenas than trampolines can look through.
  case tooManyArenas(limit: Int)
}

extension LiveTextError: CustomStringConvertible {
  /// A sentence.
  package var description: String {
    switch self {
    case .process(let error): error.description
    case .memory(let error): error.description
    case .system(let error): error.description
    case .lowering(let error): "cannot generate code: \(error)"
    case .noGap(let near, let bytes):
      "no free \(bytes >> 10) KiB of addresses within branch range of 0x\(String(near.start, radix: 16))"
    case .noMemory(let bytes, let errno):
      "the process cannot have \(bytes >> 20) MiB of address space for its trace (\(errno)): raise its limit (ulimit -v)"
    case .fileLimit(let bytes, let error):
      "the process may not have a memory file of \(bytes >> 20) MiB for its trace (\(error)): raise its limit on file sizes (ulimit -f)"
    case .arenaFull(let base): "the arena at 0x\(String(base, radix: 16)) is full"
    case .tooManyArenas(let limit): "more than \(limit) arenas"
    }
  }
}

/// Turns an error of a lower layer into ours.
func lifting<Value>(_ body: () throws(TraceError) -> Value) throws(LiveTextError) -> Value {
  do throws(TraceError) { return try body() } catch { throw .process(error) }
}

/// Turns an error of a lower layer into ours.
func lifting<Value>(_ body: () throws(ApusProcess.MemoryError) -> Value) throws(LiveTextError) -> Value {
  do throws(ApusProcess.MemoryError) { return try body() } catch { throw .memory(error) }
}

/// Turns an error of a lower layer into ours.
func lifting<Value>(_ body: () throws(LoweringError) -> Value) throws(LiveTextError) -> Value {
  do throws(LoweringError) { return try body() } catch { throw .lowering(error) }
}
