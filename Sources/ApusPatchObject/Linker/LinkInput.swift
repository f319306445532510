package import ApusCore

/// Where a module's part of a patch is to be, and what its code may rely on.
package struct LinkPlacement: Sendable, Hashable {
  /// Of the part's first byte; a multiple of ``LinkLayout/alignment``.
  package var base: Address
  /// ppc64le: what r2 holds in the module's functions. Without it the part has its own table of contents.
  package var toc: Address?
  /// Where the module's thread-local block is, away from the thread pointer, if that is the same in all threads.
  package var threadBlock: Int64?
  /// The module's number for `__tls_get_addr`.
  package var moduleNumber: UInt64?

  package init(
    base: Address, toc: Address? = nil, threadBlock: Int64? = nil, moduleNumber: UInt64? = nil
  ) {
    self.base = base
    self.toc = toc
    self.threadBlock = threadBlock
    self.moduleNumber = moduleNumber
  }
}

/// What an undefined symbol of a patch was found to be.
package enum LinkBinding: Sendable, Hashable {
  /// An address in the process. `other` is the symbol's `st_other`, which on ppc64le says where the local entry is.
  case address(Address, other: UInt8 = 0)
  /// The same, of a function: code that cannot hold its address may take that of a veneer.
  case function(Address, other: UInt8 = 0)
  /// An offset in the thread-local block of the part's module.
  case threadLocal(UInt64)
  /// An offset in another module's, with that block's place from the thread pointer, if it has a fixed one, and that module's
  /// number.
  case foreignThreadLocal(UInt64, block: Int64?, moduleNumber: UInt64?)
}
