import ApusISA
import ApusProbe

extension X86_64Lowering {
  /// `rdtsc` leaves the counter's halves in eax and edx. Where rax or rdx holds a probe register that must
  /// keep its value, it is kept in the result's register, in the scratch register, or on the stack.
  mutating func timestamp(_ result: ProbeRegister, _ scratch: ProbeRegister) {
    let d = machine(result)
    let s = machine(scratch)
    // Places to keep values in, used from the front.
    var first: Register? = d != .rax && d != .rdx ? d : nil
    var second: Register? = s != .rax && s != .rdx && s != d ? s : nil
    func mustKeep(_ register: Register, _ bit: UInt16) -> Bool {
      register != d && register != s && frame.live & bit != 0
    }
    let keepLow = mustKeep(.rax, X86_64Frame.accumulator)
    let keepHigh = mustKeep(.rdx, X86_64Frame.data)
    let lowPlace = keepLow ? keep(.rax, &first, &second) : nil
    let highPlace = keepHigh ? keep(.rdx, &first, &second) : nil

    code.readTimestamp()
    code.shift(.left, .rdx, 32)
    // The whole counter is put together where it is wanted, else where nothing is kept for, else in rax.
    let sum: Register = d == .rdx || d != .rax && keepLow && !keepHigh ? .rdx : .rax
    let other: Register = sum == .rax ? .rdx : .rax
    code.arithmetic(.or, sum, other)
    let (sumKept, sumPlace) = sum == .rax ? (keepLow, lowPlace) : (keepHigh, highPlace)
    let (otherKept, otherPlace) = sum == .rax ? (keepHigh, highPlace) : (keepLow, lowPlace)
    // `other` first: its value is on the stack above, or may be in the result's register.
    if otherKept { restore(other, otherPlace) }
    guard d != sum else { return }
    if sumKept, sumPlace == d { return code.exchange(sum, d) }
    code.move(d, sum)
    if sumKept { restore(sum, sumPlace) }
  }

  /// Keeps a register in the first free place; nil means on the stack.
  private mutating func keep(_ register: Register, _ first: inout Register?, _ second: inout Register?)
    -> Register?
  {
    if let place = first {
      first = nil
      code.move(place, register)
      return place
    }
    if let place = second {
      second = nil
      code.move(place, register)
      return place
    }
    code.push(register)
    cfaOffset += 8
    row()
    return nil
  }

  private mutating func restore(_ register: Register, _ place: Register?) {
    if let place { return code.move(register, place) }
    code.pop(register)
    cfaOffset -= 8
    row()
  }
}
