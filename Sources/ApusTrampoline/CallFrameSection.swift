package import ApusCore
internal import ApusISA
package import ApusProbe

/// Call-frame information of code blobs, for debuggers: a `.debug_frame` section (DWARF 4, 6.4.1) with a description of each
/// blob.
///
/// Where the shadow map holds the return address, the rule is an expression that looks the mirror entry up, as
/// ``StackChunk`` describes the table: a debugger reads it from the process's memory.
package struct CallFrameSection: Sendable {
  private var writer = ByteWriter()
  private let columns: CallFrameColumns
  private let environment: ProbeEnvironment

  /// An empty section for code of one session.
  package init(_ architecture: Architecture, _ environment: ProbeEnvironment) {
    columns = CallFrameColumns(architecture)
    self.environment = environment
    var entry = ByteWriter()
    entry.append(UInt32.max)  // CIE_id
    entry.append(UInt8(4))  // version
    entry.append(cString: "")  // augmentation
    entry.append(UInt8(8))  // address_size
    entry.append(UInt8(0))  // segment_size
    entry.append(uleb128: 1)  // code_alignment_factor
    entry.append(sleb128: 1)  // data_alignment_factor
    entry.append(uleb128: UInt64(columns.returnAddress))
    entry.append(UInt8(CallFrameOpcode.defineCFA.rawValue))
    entry.append(uleb128: UInt64(columns.stackPointer))
    entry.append(uleb128: 0)
    append(entry)
  }

  /// The section's contents.
  package var bytes: [UInt8] { writer.bytes }

  /// Describes a blob that stands at `address`.
  ///
  /// - Parameter isReturnedTo: frames return to its first byte. A debugger looks for a frame's row one byte before the place
  ///   that it returns to, so the description begins there.
  package mutating func add(_ blob: CodeBlob, at address: Address, isReturnedTo: Bool) {
    let before: UInt64 = isReturnedTo ? 1 : 0
    var entry = ByteWriter()
    entry.append(UInt32(0))  // the section's one CIE
    entry.append(address - before)
    entry.append(UInt64(blob.bytes.count) + before)
    var place = 0
    var known: CFIRow?
    for row in blob.cfi {
      let offset = row.offset == 0 ? 0 : row.offset + Int(before)
      Self.advance(&entry, offset - place)
      place = offset
      if row.cfaOffset != known?.cfaOffset {
        entry.append(CallFrameOpcode.defineCFAOffset.rawValue)
        entry.append(uleb128: UInt64(row.cfaOffset))
      }
      if row.returnAddress != known?.returnAddress { appendRule(row.returnAddress, &entry) }
      known = row
    }
    append(entry)
  }

  /// Appends an entry behind its length, padded to whole words.
  private mutating func append(_ entry: ByteWriter) {
    var entry = entry
    while (entry.count + 4) % 8 != 0 { entry.append(CallFrameOpcode.noOperation.rawValue) }
    writer.append(UInt32(entry.count))
    writer.append(contentsOf: entry.bytes)
  }

  private static func advance(_ entry: inout ByteWriter, _ distance: Int) {
    switch distance {
    case 0: break
    case ..<64: entry.append(CallFrameOpcode.advance.rawValue | UInt8(distance))
    case ..<0x1_0000:
      entry.append(CallFrameOpcode.advance2.rawValue)
      entry.append(UInt16(distance))
    default:
      entry.append(CallFrameOpcode.advance4.rawValue)
      entry.append(UInt32(distance))
    }
  }

  private func appendRule(_ place: CFIRow.ReturnAddress, _ entry: inout ByteWriter) {
    let column = UInt64(columns.returnAddress)
    switch place {
    case .memory(let distance):
      entry.append(CallFrameOpcode.offsetExtendedSigned.rawValue)
      entry.append(uleb128: column)
      entry.append(sleb128: Int64(distance))
    case .register(let number):
      entry.append(
        Int(number) == columns.returnAddress
          ? CallFrameOpcode.sameValue.rawValue : CallFrameOpcode.register.rawValue)
      entry.append(uleb128: column)
      if Int(number) != columns.returnAddress { entry.append(uleb128: UInt64(number)) }
    case .shadowMap(let distance):
      let expression = mirrorEntry(distance)
      entry.append(CallFrameOpcode.expression.rawValue)
      entry.append(uleb128: column)
      entry.append(uleb128: UInt64(expression.count))
      entry.append(contentsOf: expression)
    }
  }

  /// From the CFA, which is on the expression's stack, to the address of the mirror entry of the frame at this distance from it; to 0
  /// if its stack has no mirror.
  private func mirrorEntry(_ distance: Int32) -> [UInt8] {
    var e = ExpressionWriter()
    // F, the frame's address; its chunk's number; the number's home place
    e.constant(signed: Int64(distance))
    e.emit(.plus, .duplicate)
    e.constant(UInt64(StackChunk.shift))
    e.emit(.shiftRight, .duplicate)
    e.constant(StackChunk.hashMultiplier)
    e.emit(.multiply)
    e.constant(UInt64(64 - environment.chunkBits))
    e.emit(.shiftRight)
    // The key of the slot in that place
    let again = e.count
    e.emit(.duplicate)
    e.constant(UInt64(StackChunk.slotShift))
    e.emit(.shiftLeft)
    e.constant(environment.chunkTable &+ UInt64(StackChunk.key))
    e.emit(.plus, .load, .duplicate)
    e.pick(3)
    e.emit(.equal)
    let found = e.jump(.branch)
    e.constant(0)
    e.emit(.equal)
    let none = e.jump(.branch)
    e.constant(1)
    e.emit(.plus)
    e.jump(.skip, to: again)
    e.place(none)
    e.constant(0)
    let end = e.jump(.skip)
    e.place(found)
    // The slot's mirror chunk, and the entry in it
    e.emit(.drop)
    e.constant(UInt64(StackChunk.mirrorShift))
    e.emit(.shiftLeft)
    e.constant(environment.mirror &+ UInt64(StackChunk.returnAddress))
    e.emit(.plus, .swap, .drop, .swap)
    e.constant(StackChunk.size - 1)
    e.emit(.and)
    e.constant(UInt64(StackChunk.mirrorShift - StackChunk.shift))
    e.emit(.shiftLeft, .plus)
    e.place(end)
    return e.bytes
  }
}

/// DW_CFA_…: DWARF 4, 7.23.
private enum CallFrameOpcode: UInt8 {
  case noOperation = 0x00
  case advance2 = 0x03
  case advance4 = 0x04
  case sameValue = 0x08
  case register = 0x09
  case defineCFA = 0x0c
  case defineCFAOffset = 0x0e
  case expression = 0x10
  case offsetExtendedSigned = 0x11
  case advance = 0x40
}
