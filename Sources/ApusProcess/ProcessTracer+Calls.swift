package import ApusCore
internal import Glibc

/// Where a remote call is made.
package struct RemoteCaller {
  /// The tracer.
  package let tracer: any ProcessTracer
  /// The stopped thread.
  package let thread: ThreadID
  /// The gate, in that thread's process.
  package let gate: RemoteCallGate

  /// Calls made by `thread` of `tracer` through `gate`.
  package init(_ tracer: any ProcessTracer, thread: ThreadID, gate: RemoteCallGate) {
    self.tracer = tracer
    self.thread = thread
    self.gate = gate
  }

  private func call(_ call: RemoteSystemCall, _ arguments: UInt64...) throws(TraceError) -> UInt64 {
    try tracer.call(call, payload: nil, arguments, on: thread, through: gate)
  }

  /// mmap(2); `descriptor` is the process's own, -1 for none. PROT_ and MAP_ are the C library's constants.
  package func mmap(
    _ address: Address, count: UInt64, protection: Int32, flags: Int32, descriptor: Int32 = -1,
    offset: UInt64 = 0
  ) throws(TraceError) -> Address {
    try call(
      .mmap, address, count, UInt64(bitPattern: Int64(protection)), UInt64(bitPattern: Int64(flags)),
      UInt64(bitPattern: Int64(descriptor)), offset)
  }

  /// munmap(2)
  package func munmap(_ range: AddressRange) throws(TraceError) {
    _ = try call(.munmap, range.start, range.count)
  }

  /// mprotect(2)
  package func mprotect(_ range: AddressRange, protection: Int32) throws(TraceError) {
    _ = try call(.mprotect, range.start, range.count, UInt64(bitPattern: Int64(protection)))
  }

  /// madvise(2)
  package func madvise(_ range: AddressRange, advice: Int32) throws(TraceError) {
    _ = try call(.madvise, range.start, range.count, UInt64(bitPattern: Int64(advice)))
  }

  /// memfd_create(2); the name's UTF-8 has 127 bytes at the most. Gives the process's descriptor.
  package func memfdCreate(named name: String, flags: UInt32) throws(TraceError) -> Int32 {
    let result = try tracer.call(
      .memfdCreate, payload: Array(name.utf8) + [0], [UInt64(flags)], on: thread, through: gate)
    return Int32(truncatingIfNeeded: result)
  }

  /// ftruncate(2)
  package func ftruncate(_ descriptor: Int32, count: UInt64) throws(TraceError) {
    _ = try call(.ftruncate, UInt64(bitPattern: Int64(descriptor)), count)
  }

  /// close(2)
  package func close(_ descriptor: Int32) throws(TraceError) {
    _ = try call(.close, UInt64(bitPattern: Int64(descriptor)))
  }

  /// shmat(2) at `address`.
  package func shmat(_ segment: Int32, at address: Address, flags: Int32) throws(TraceError) -> Address {
    try call(.shmat, UInt64(bitPattern: Int64(segment)), address, UInt64(bitPattern: Int64(flags)))
  }

  /// membarrier(2); gives its result (the mask of commands for MEMBARRIER_CMD_QUERY).
  @discardableResult
  package func membarrier(command: Int32, flags: UInt32 = 0) throws(TraceError) -> UInt64 {
    try call(.membarrier, UInt64(bitPattern: Int64(command)), UInt64(flags))
  }
}
