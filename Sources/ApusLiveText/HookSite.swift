package import ApusCore
package import ApusELF
package import ApusProbe

/// A function of somebody else that must enter a program of ours first: its own first (or last) instructions are moved.
package struct HookSite: Sendable, Hashable {
  /// What the hook is for.
  package enum Purpose: String, Sendable, CaseIterable {
    /// Walks the stack: real return addresses are put back first.
    case disarm
    /// Asks for the unwind table of a return address: where it is ours, it is led on to the caller's.
    case lookUp
    /// Tells where an unwinder lands: the frames below are left, the next one is armed.
    case land
    /// The walk is over and the function returns: the next frame is armed.
    case arm
    /// Looks at its own return address.
    case giveBack
    /// Locks all memory in place: pages are locked as they are touched.
    case lock
    /// Is called when the set of libraries changes.
    case loader
    /// Ends the process.
    case end
    /// Makes another program of the process.
    case exec
  }

  package var purpose: Purpose
  package var name: String
  /// In the file.
  package var address: Address
  /// Bytes from `address` on that belong to the function, or pad up to the next one.
  package var code: [UInt8]
  /// Whether the function has signed its return address before `address`.
  package var seesSignedReturnAddress = false
  /// For ``Purpose/land``: whose it is.
  package var unwinder = Unwinder.libgcc
  /// For ``Purpose/lookUp`` and ``Purpose/land``: what the unwinder's own code says of its contexts.
  package var context: UnwinderContext?

  package init(purpose: Purpose, name: String, address: Address, code: [UInt8]) {
    self.purpose = purpose
    self.name = name
    self.address = address
    self.code = code
  }

  /// The functions by purpose. The unwinders' are those of the C++ ABI; `_dl_debug_state` is the debugger interface of glibc
  /// and musl.
  private static let names: [(Purpose, [String])] = [
    (
      .disarm,
      [
        "_Unwind_RaiseException", "_Unwind_Resume", "_Unwind_Resume_or_Rethrow", "_Unwind_ForcedUnwind",
        "_Unwind_Backtrace", "unw_backtrace",
      ]
    ),
    (.lookUp, ["_Unwind_Find_FDE"]),
    (.land, ["_Unwind_SetIP"]),
    (.giveBack, ["dlopen", "dlmopen", "dlsym", "dlvsym"]),
    (.lock, ["mlockall"]),
    (.loader, ["_dl_debug_state"]),
    (.end, ["_exit"]),
    (.exec, ["execve", "execveat"]),
  ]

  /// What a program has that throws, and catches what goes through others' frames: the C++ ABI library's function, or Rust's.
  private static let throwers: Set = ["__cxa_throw", "rust_eh_personality"]

  /// Whether a module brings the exceptions of C++ or Rust into its process.
  package static func throwsExceptions(_ image: ELFImage) throws(ELFError) -> Bool {
    for function in try image.functions() where function.names.contains(where: throwers.contains) {
      return true
    }
    return false
  }

  /// Whether a module has an unwinder whose walks would end at recorded frames.
  package static func hasOtherUnwinder(_ image: ELFImage) throws(ELFError) -> Bool {
    guard image.architecture.unwindingHooks.contains(.lookUp) else { return false }
    let functions = try image.functions()
    guard functions.contains(where: { $0.names.contains("_Unwind_RaiseException") }) else { return false }
    return try find(in: image, purposes: [.lookUp]).isEmpty
  }

  /// The names of the functions after whose return frames are armed.
  package static let walkers: Set = ["_Unwind_Backtrace", "unw_backtrace"]

  /// The hooks that a module needs: those in its dynamic symbols, and in its symbol table (static programs, and
  /// libraries with an unwinder of their own).
  package static func find(
    in image: ELFImage, purposes: Set<Purpose>
  ) throws(ELFError) -> [HookSite] {
    let functions = try image.functions()
    var unwinder: Unwinder?
    let context = purposes.contains(.lookUp) ? try UnwinderContext(image, functions) : nil
    var wanted: [String: Purpose] = [:]
    for (purpose, names) in Self.names where purposes.contains(purpose) {
      for name in names { wanted[name] = purpose }
    }
    var result: [HookSite] = []
    for index in functions.indices {
      let function = functions[index]
      guard function.kind == .function, let name = function.names.first(where: { wanted[$0] != nil }),
        let purpose = wanted[name]
      else { continue }
      // A call from the same module enters behind the set-up of the TOC, and so do all others in the end.
      let entry = function.localEntry
      let next = index + 1 < functions.endIndex ? functions[index + 1].address : function.address + 64
      let bound = max(function.address + function.size, min(next, function.address + function.size + 16))
      guard bound > entry else { continue }
      let code = try image.bytes(at: entry, upTo: min(bound - entry, 1 << 16))
      let prologues = image.architecture.prologues
      if purpose == .lock, !prologues.locks(code) { continue }
      let pad = prologues.landingPad(code)
      var hook = HookSite(
        purpose: purpose, name: name, address: entry + UInt64(pad.bytes),
        code: Array(code.dropFirst(pad.bytes)))
      hook.seesSignedReturnAddress = pad.signsReturnAddress
      hook.context = context
      if purpose == .lookUp, context == nil { continue }
      if purpose == .land {
        hook.unwinder = unwinder ?? Unwinder(functions)
        unwinder = hook.unwinder
      }
      result.append(hook)
    }
    return result
  }

  /// The program that runs first; nil for what the architecture has no hook for.
  package func program(_ environment: ProbeEnvironment, _ architecture: Architecture) -> ProbeProgram? {
    switch purpose {
    case .disarm: return .disarmHook()
    case .land:
      let isLedOn = architecture.unwindingHooks.contains(.lookUp)
      let offset = isLedOn ? context?.stackPointer : unwinder.landingOffset
      return offset.map { .landHook(cfaOffset: $0, distance: architecture.prologues.landingDistance) }
    case .lookUp: return context.map { .lookUpHook($0, environment: environment) }
    case .arm: return .armHook(environment: environment)
    // A signed address is not the one that we know, and what we would give back is not signed.
    case .giveBack: return seesSignedReturnAddress ? nil : .giveBackHook()
    case .loader: return .loaderHook()
    case .end: return .stopHook(.end, environment: environment)
    case .exec: return .stopHook(.exec, environment: environment)
    case .lock: return .passHook()
    }
  }

  /// Code that runs before the function's own, as the architecture has it; empty for most.
  package func prologue(_ architecture: Architecture) -> [UInt8] {
    purpose == .lock ? architecture.prologues.lockOnFault : []
  }
}
