/// Code that is put before the moved instructions of a hook.
enum X86_64Prologues {
  /// MCL_ONFAULT is set in mlockall(2)'s argument. (Alone it is refused, as 0 is.)
  static let lockOnFault: [UInt8] = [0x83, 0xcf, 0x04]  // or edi, 4

  /// Whether a function of mlockall's name is the system call's wrapper: its number goes into eax, and the call follows. One that
  /// a program has for something else keeps its argument.
  static func locks(_ code: [UInt8]) -> Bool {
    let number: [UInt8] = [0xb8, 151, 0, 0, 0]  // mov eax, 151
    let call: [UInt8] = [0x0f, 0x05]  // syscall
    func place(of bytes: [UInt8], from: Int, within count: Int) -> Int? {
      (from..<from + count).first { code.dropFirst($0).starts(with: bytes) }
    }
    guard let first = place(of: number, from: 0, within: 16) else { return false }
    return place(of: call, from: first + number.count, within: 8) != nil
  }
}
