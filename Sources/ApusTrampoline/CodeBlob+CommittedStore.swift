import ApusProbe

extension CodeBlob.CommittedStore {
  /// What the instruction stores; nil if it is not one that may be committed.
  ///
  /// - Parameter word: the index of a probe register in the kernel's register file.
  init?(_ instruction: ProbeInstruction, start: Int, end: Int, word: (ProbeRegister) -> Int) {
    self.start = start
    self.end = end
    switch instruction {
    case .store(let place, let register, .eight):
      base = word(place.base)
      displacement = place.offset
      value = .register(word(register))
    case .storeConstant(let place, let constant):
      base = word(place.base)
      displacement = place.offset
      value = .constant(UInt64(bitPattern: Int64(constant)))
    default: return nil
    }
  }
}
