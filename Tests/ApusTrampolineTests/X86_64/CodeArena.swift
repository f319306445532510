import ApusCore
import ApusISA
import CApusLinux
import TestSupport

/// What went wrong in a test's own machinery.
struct ArenaFailure: Error, CustomStringConvertible {
  var description: String
}

/// Memory of this process: written first, then sealed and run. Never writable and executable at once.
@safe
final class CodeArena {
  private let memory: UnsafeMutableRawPointer
  let size: Int
  /// Where the next bytes go.
  private(set) var used = 0

  init(size: Int) throws {
    guard let memory = unsafe apus_code_map(size) else { throw ArenaFailure(description: "no memory") }
    unsafe self.memory = memory
    self.size = size
  }

  deinit { _ = unsafe apus_code_unmap(memory, size) }

  var start: Address { unsafe UInt64(UInt(bitPattern: memory)) }
  var next: Address { start + UInt64(used) }

  /// Appends bytes and says where they stand.
  @discardableResult
  func append(_ bytes: [UInt8]) throws -> Address {
    guard used + bytes.count <= size else { throw ArenaFailure(description: "arena is full") }
    let place = next
    write(bytes, at: used)
    used += bytes.count
    return place
  }

  func write(_ bytes: [UInt8], at offset: Int) {
    precondition(offset >= 0 && offset + bytes.count <= size)
    unsafe memory.advanced(by: offset).copyMemory(from: bytes, byteCount: bytes.count)
  }

  func read(_ offset: Int, _ count: Int) -> [UInt8] {
    precondition(offset >= 0 && offset + count <= size)
    return unsafe Array(UnsafeRawBufferPointer(start: memory + offset, count: count))
  }

  /// From now on the bytes can be run and no longer be changed.
  func seal() throws {
    let status = unsafe apus_code_seal(memory, size)
    if status != 0 { throw ArenaFailure(description: "mprotect: errno \(-status)") }
  }

  /// Code that goes on at `target`, wherever that is: for calls out of branch range.
  func appendJump(to target: Address) throws -> Address {
    var code = X86_64.Encoder()
    code.jump(through: .relative(0))
    return try append(code.bytes + (0..<8).map { UInt8(truncatingIfNeeded: target >> UInt64(8 * $0)) })
  }
}

/// Runs code with chosen registers, on a stack of its own. One at a time in a process.
@safe
final class CodeRunner {
  private let stack: CodeArena
  private let pairs: UnsafeMutablePointer<UInt64>
  private static let pairCapacity = 1 << 16

  init() throws {
    stack = try CodeArena(size: 1 << 16)
    unsafe pairs = .allocate(capacity: Self.pairCapacity)
  }

  deinit {
    _ = apus_run_code_faults(nil, 0)
    unsafe pairs.deallocate()
  }

  private var stackEnd: Address { stack.start + UInt64(stack.size) }
  /// Where the return address stands when code begins.
  var frameAddress: Address { stackEnd - 40 }
  /// The return address.
  var returnAddress: Address { unsafe UInt64(UInt(bitPattern: apus_run_code_return_address())) }
  /// A function that notes the registers and changes those that functions may.
  var body: Address { unsafe UInt64(UInt(bitPattern: apus_run_code_body())) }

  /// The same function by another name.
  var elsewhere: Address { unsafe UInt64(UInt(bitPattern: apus_run_code_elsewhere())) }
  /// Where the body was entered last.
  var entered: BodyEntry? { unsafe BodyEntry(rawValue: apus_run_code_entered().pointee) }
  /// A number made of where the traps of the last run were.
  var trapped: UInt64 { unsafe apus_run_code_trapped().pointee }

  var seen: RegisterValues { unsafe RegisterValues(apus_run_code_seen().pointee) }

  func setResult(_ values: RegisterValues) { unsafe apus_run_code_result().pointee = values.raw }

  /// Where accesses that fault, and traps, go on.
  func setFaults(_ table: [(start: Address, recovery: Address)]) throws {
    guard 2 * table.count <= Self.pairCapacity else { throw ArenaFailure(description: "too many faults") }
    for (index, entry) in table.enumerated() {
      unsafe pairs[2 * index] = entry.start
      unsafe pairs[2 * index + 1] = entry.recovery
    }
    let status = unsafe apus_run_code_faults(pairs, table.count)
    if status != 0 { throw ArenaFailure(description: "sigaction: errno \(-status)") }
  }

  /// Calls code; the registers afterwards.
  func run(_ code: Address, _ values: RegisterValues) -> RegisterValues {
    var raw = values.raw
    unsafe apus_run_code_entered().pointee = 0
    unsafe apus_run_code_trapped().pointee = 0
    unsafe apus_run_code(
      UnsafeRawPointer(bitPattern: UInt(code)), &raw, UnsafeMutableRawPointer(bitPattern: UInt(stackEnd)))
    return RegisterValues(raw)
  }

  /// The rsp that callers have after a return.
  var stackAfter: Address { frameAddress + 8 }
}

/// The contents of the general registers and the vector registers.
struct RegisterValues: Equatable {
  var raw: apus_registers

  init(_ raw: apus_registers) { self.raw = raw }

  init(_ random: inout Randomness) {
    raw = apus_registers()
    for register in X86_64.Register.allCases { self[register] = random.next() }
    let seed = random.next()
    withVector { vector in for index in 0..<32 { vector[index] = seed &* UInt64(2 * index + 1) } }
  }

  private mutating func withVector(_ body: (inout MutableSpan<UInt64>) -> Void) {
    unsafe withUnsafeMutableBytes(of: &raw.vector) { bytes in
      unsafe bytes.withMemoryRebound(to: UInt64.self) { words in
        var span = unsafe words.mutableSpan
        body(&span)
      }
    }
  }

  subscript(register: X86_64.Register) -> UInt64 {
    get {
      unsafe withUnsafeBytes(of: raw.general) {
        unsafe $0.load(fromByteOffset: Int(register.rawValue) * 8, as: UInt64.self)
      }
    }
    set {
      unsafe withUnsafeMutableBytes(of: &raw.general) {
        unsafe $0.storeBytes(of: newValue, toByteOffset: Int(register.rawValue) * 8, as: UInt64.self)
      }
    }
  }

  /// The general registers of the register file, its first 15 words.
  var registerFileWords: [UInt64] {
    X86_64.RegisterFileSlot.allCases.prefix(15).compactMap { slot in
      X86_64.Register.allCases.first { $0.registerFileSlot == slot }.map { self[$0] }
    }
  }

  /// What differs, rsp aside, for a test's message; nil if nothing.
  func difference(from other: RegisterValues) -> String? {
    for register in X86_64.Register.allCases where register != .rsp && self[register] != other[register] {
      return "\(register): \(String(self[register], radix: 16)), not \(String(other[register], radix: 16))"
    }
    return vectorsEqual(other) ? nil : "a vector register"
  }

  private func vectorsEqual(_ other: RegisterValues) -> Bool {
    unsafe withUnsafeBytes(of: raw.vector) { left in
      unsafe withUnsafeBytes(of: other.raw.vector) { right in unsafe left.elementsEqual(right) }
    }
  }

  static func == (left: RegisterValues, right: RegisterValues) -> Bool {
    left[.rsp] == right[.rsp] && left.difference(from: right) == nil
  }
}
