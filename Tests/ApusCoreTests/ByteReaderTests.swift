import ApusCore
import Testing

@Suite struct ByteReaderTests {
  @Test func readsBothByteOrders() throws {
    let bytes: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8, 9]
    var little = ByteReader(bytes)
    #expect(try little.readUInt16() == 0x0201)
    #expect(try little.readUInt32() == 0x0605_0403)
    #expect(try little.readUInt8() == 7)
    #expect(little.remaining == 2)
    var big = ByteReader(bytes, order: .bigEndian)
    #expect(try big.readUInt64() == 0x0102_0304_0506_0708)
    #expect(try big.readUInt8() == 9)
    #expect(big.isAtEnd)
  }

  @Test func anErrorSaysWhereAndLeavesThePlace() throws {
    var reader = ByteReader([1, 2, 3], baseOffset: 0x100)
    _ = try reader.readUInt8()
    #expect(throws: ByteError(.pastEnd(needed: 4, available: 2), at: 0x101)) { try reader.readUInt32() }
    #expect(throws: ByteError(.pastEnd(needed: .max, available: 2), at: 0x101)) { try reader.skip(.max) }
    #expect(throws: ByteError.self) { try reader.take(3) }
    #expect(try reader.readUInt16() == 0x0302)
  }

  @Test func partsAreReadersOfTheirOwn() throws {
    var reader = ByteReader([0, 1, 2, 3, 4, 5], baseOffset: 10)
    try reader.skip(1)
    var part = try reader.take(3)
    #expect(part.count == 3)
    #expect(try part.readUInt8() == 1)
    #expect(try part.readUInt16() == 0x0302)
    #expect(throws: ByteError(.pastEnd(needed: 1, available: 0), at: 14)) { try part.readUInt8() }
    #expect(try reader.readUInt8() == 4)
    var range = try part.range(at: 1, count: 2)
    #expect(try range.readUInt8() == 2)
    #expect(throws: ByteError(.pastEnd(needed: 3, available: 2), at: 12)) { try part.range(at: 1, count: 3) }
    #expect(throws: ByteError.self) { try part.range(at: .max, count: .max) }
    try part.seek(to: 0)
    #expect(part.offset == 0)
    #expect(throws: ByteError.self) { try part.seek(to: 4) }
    #expect(throws: ByteError.self) { try part.seek(to: -1) }
    part.align(to: 8)
    #expect(part.offset == 0)
    try part.skip(1)
    part.align(to: 2)
    #expect(part.offset == 2)
    try part.skip(1)
    part.align(to: 8)
    #expect(part.isAtEnd)
  }

  @Test func stringsEndInZero() throws {
    var reader = ByteReader(Array("ab\0".utf8) + [0xff, 0, 0x63])
    #expect(try reader.readCString() == "ab")
    #expect(try reader.readCStringBytes() == [0xff])
    #expect(throws: ByteError(.unterminatedString, at: 5)) { try reader.readCString() }
  }

  static let unsigned: [(UInt64, [UInt8])] = [
    (0, [0]), (2, [2]), (127, [0x7f]), (128, [0x80, 1]), (12857, [0xb9, 0x64]),
    (.max, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]),
  ]

  @Test(arguments: unsigned) func unsignedLEB128(_ value: UInt64, _ bytes: [UInt8]) throws {
    var reader = ByteReader(bytes)
    #expect(try reader.readULEB128() == value)
    var writer = ByteWriter()
    writer.append(uleb128: value)
    #expect(writer.bytes == bytes)
  }

  static let signed: [(Int64, [UInt8])] = [
    (0, [0]), (2, [2]), (-2, [0x7e]), (63, [0x3f]), (64, [0xc0, 0]), (-64, [0x40]), (-65, [0xbf, 0x7f]),
    (127, [0xff, 0]), (-128, [0x80, 0x7f]),
    (.max, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0]),
    (.min, [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f]),
  ]

  @Test(arguments: signed) func signedLEB128(_ value: Int64, _ bytes: [UInt8]) throws {
    var reader = ByteReader(bytes)
    #expect(try reader.readSLEB128() == value)
    var writer = ByteWriter()
    writer.append(sleb128: value)
    #expect(writer.bytes == bytes)
  }

  @Test func damagedLEB128() throws {
    var padded = ByteReader([0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0])
    #expect(try padded.readULEB128() == 1)
    var large = ByteReader([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2])
    #expect(throws: ByteError(.oversizedLEB128, at: 0)) { try large.readULEB128() }
    #expect(throws: ByteError(.oversizedLEB128, at: 0)) { try large.readSLEB128() }
    var cut = ByteReader([0x80, 0x80])
    #expect(throws: ByteError.self) { try cut.readULEB128() }
    #expect(throws: ByteError.self) { try cut.readSLEB128() }
    #expect(cut.offset == 0)
  }
}

@Suite struct ByteWriterTests {
  @Test func whatIsWrittenIsRead() throws {
    for order in [ByteOrder.littleEndian, .bigEndian] {
      var writer = ByteWriter(order: order)
      writer.append(UInt8(1))
      writer.append(UInt16(0x1234))
      writer.append(Int64(-2))
      writer.append(cString: "x")
      writer.align(to: 16)
      #expect(writer.count == 16)
      try writer.replace(at: 1, with: UInt16(0x5678))
      #expect(throws: ByteError.self) { try writer.replace(at: 15, with: UInt16(0)) }
      var reader = ByteReader(writer.bytes, order: order)
      #expect(try reader.readUInt8() == 1)
      #expect(try reader.readUInt16() == 0x5678)
      #expect(try reader.read(Int64.self) == -2)
      #expect(try reader.readCString() == "x")
    }
  }
}

@Suite struct ByteSourceTests {
  @Test func arraysAndBorrowedBytesAreCheckedAlike() throws {
    let array: [UInt8] = [1, 2, 3, 4]
    let pointer = UnsafeMutableRawBufferPointer.allocate(byteCount: 4, alignment: 8)
    unsafe pointer.copyBytes(from: array)
    let borrowed = unsafe BorrowedBytes(UnsafeRawBufferPointer(pointer)) { unsafe $0.deallocate() }
    for source: any ByteSource in [array, borrowed] {
      #expect(source.byteCount == 4)
      #expect(try source.bytes(at: 1, count: 2) == [2, 3])
      #expect(try source.bytes(at: 4, count: 0) == [])
      #expect(throws: ByteError(.pastEnd(needed: 3, available: 2), at: 2)) {
        try source.bytes(at: 2, count: 3)
      }
      #expect(throws: ByteError.self) { try source.bytes(at: .max, count: .max) }
      #expect(throws: ByteError.self) { try source.bytes(at: 1, count: .max) }
    }
  }
}
