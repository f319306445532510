extension JSONWriter {
  /// Writes a member that is a string.
  package mutating func member(_ name: String, _ text: String) {
    key(name)
    value(text)
  }

  /// Writes a member that is a string, or null.
  package mutating func member(_ name: String, _ text: String?) {
    key(name)
    if let text { value(text) } else { null() }
  }

  /// Writes a member that is an integer.
  package mutating func member<T: FixedWidthInteger>(_ name: String, _ number: T) {
    key(name)
    value(number)
  }

  /// Writes a member that is an integer, or null.
  package mutating func member<T: FixedWidthInteger>(_ name: String, _ number: T?) {
    key(name)
    if let number { value(number) } else { null() }
  }

  /// Writes a member that is a number.
  package mutating func member(_ name: String, _ number: Double) {
    key(name)
    value(number)
  }

  /// Writes a member that is true or false.
  package mutating func member(_ name: String, _ flag: Bool) {
    key(name)
    value(flag)
  }

  /// Writes a member that is an object, whose members `body` writes.
  package mutating func object<E: Error>(
    _ name: String, _ body: (inout JSONWriter) throws(E) -> Void
  ) throws(E) {
    key(name)
    try object(body)
  }

  /// Writes a member that is an array, whose elements `body` writes.
  package mutating func array<E: Error>(
    _ name: String, _ body: (inout JSONWriter) throws(E) -> Void
  ) throws(E) {
    key(name)
    try array(body)
  }
}
