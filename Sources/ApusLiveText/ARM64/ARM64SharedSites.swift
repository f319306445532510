internal import ApusCore
internal import ApusISA

/// Call sites on arm64 that call a stub which many functions share.
///
/// ```
///                before the function    landing pad   slot
/// untouched      nop  nop               bti c         nop           nop
/// prepared       the address of the     the same      mov x9, x30   nop
/// enabled        site's ops             the same      mov x9, x30   bl stub
/// ```
/// The stub finds the ops by its return address, which is the body's. What x9 has where the function is entered is lost, so only
/// functions are taken whose code shows that nobody needs it: see ``canOverwriteLink(_:at:from:)``.
///
/// 1. untouched → prepared: both halves and the pointer are written while no thread can run in the function, since
///    neither a nop that becomes a `mov` nor two instructions at a time are among what other threads may execute meanwhile (Arm
///    ARM, B2.2.5). (Where a thread may stand between the halves, it would have to be moved back to the slot.)
/// 2. prepared ↔ enabled: one aligned store of four bytes, the second half's, at any time. The stub and the ops have been written, and the
///    caches maintained, before.
enum ARM64SharedSites: SharedSiteTable {
  static let slotBytes = 2 * ARM64.instructionSize
  static let branchOffset = ARM64.instructionSize
  /// The least displacement of `ldur`.
  static let reachOfPointer: UInt64 = 256

  static func prepared(slot: Address, stub: Address) -> [UInt8]? {
    guard branch(slot: slot, stub: stub) != nil else { return nil }
    var encoder = ARM64.Encoder()
    encoder.move(.x9, .x30)
    encoder.hint(.noOperation)
    return encoder.bytes
  }

  static func branch(slot: Address, stub: Address) -> [UInt8]? {
    let distance = Int64(bitPattern: stub &- (slot &+ UInt64(branchOffset)))
    guard slot & 3 == 0, ARM64.branchReaches(distance, width: ARM64.Reach.branch) else { return nil }
    var encoder = ARM64.Encoder()
    encoder.call(Int(distance))
    return encoder.bytes
  }

  /// Whether it is shown, for code of compilers, that nobody needs what x9 has when the function is entered:
  ///
  /// - On no way from the entry x9 is read, or a call is made, or the function is left but by a return, before x9 is written: so
  ///   it is no argument, neither of the function nor of one that it only hands its arguments on to (LLVM's `preserve_none` has one
  ///   there).
  /// - On some way it is written, without having been saved: so the function does not keep it, and no caller has anything in it
  ///   across the call. Callers of `preserve_most` functions do (LLVM language reference), and such a function reads x9, to save
  ///   it, before it writes it.
  ///
  /// What no function's code can show: that x9 is set aside for a variable of the whole program (`-ffixed-x9`).
  static func canOverwriteLink(_ code: [UInt8], at address: Address, from body: Address) -> Bool {
    let decoder = ARM64.Decoder()
    let x9: UInt32 = 1 << 9
    var seen: Set<Address> = []
    var work = [body]
    var isOverwritten = false
    while let place = work.popLast() {
      // Out of the function, or back to the slot.
      guard place >= body, place &- address < UInt64(code.count) else { return false }
      guard seen.insert(place).inserted else { continue }
      guard let instruction = decoder.decode(code[Int(place &- address)...], at: place) else { return false }
      if case .trap = instruction.kind { continue }
      guard let use = instruction.registerUse, use.reads & x9 == 0, !instruction.isCall else { return false }
      if use.writes & x9 != 0 {
        isOverwritten = true
        continue
      }
      if case .jumpRegister = instruction.kind { return false }
      if let target = instruction.relativeTarget, instruction.isBranch { work.append(target) }
      if !instruction.endsPath { work.append(instruction.next) }
    }
    return isOverwritten
  }
}

extension ARM64.Instruction {
  /// Whether it may go on at its target, in the same function.
  fileprivate var isBranch: Bool {
    switch kind {
    case .jump, .branch, .compareZero, .testBit: true
    default: false
    }
  }
}
