/// Code that is put before the moved instructions of a hook.
enum X86_64Prologues {
  /// MCL_ONFAULT is set in mlockall(2)'s argument. (Alone it is refused, as 0 is.)
  static let lockOnFault: [UInt8] = [0x83, 0xcf, 0x04]  // or edi, 4
}
