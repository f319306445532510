package import ApusCore
package import ApusELF

/// Links a module's part of a patch: from sections and relocations to the bytes at an address.
///
/// It is a pure function of the patch, the place and what the undefined symbols are. First ``init(_:module:)`` lays out, which says how
/// much memory is needed; then ``link(at:_:)`` for the place that was found.
package struct PatchLinker: Sendable {
  package let layout: LinkLayout
  private let patch: PatchObject
  private let module: Int
  /// By symbol: what undefined symbols of another module are called for.
  private let imported: Set<Int>

  package init(_ patch: PatchObject, module: Int) throws(LinkError) {
    self.patch = patch
    self.module = module
    layout = try LinkLayout(patch, module: module)
    imported = patch.foreignSymbols(of: module)
  }

  /// Links.
  ///
  /// - Parameter bindings: of undefined symbols, by number. One that is weak may have none; it is 0 then. `.TOC.` and
  ///   `_GLOBAL_OFFSET_TABLE_` are this linker's own. What other parts of the patch define is to be bound to where it is.
  package func link(
    at placement: LinkPlacement, _ bindings: [Int: LinkBinding]
  ) throws(LinkError) -> LinkedPatch {
    guard placement.base % layout.alignment == 0 else {
      throw .misplaced(placement.base, alignment: layout.alignment)
    }
    let table = placement.base &+ layout.table
    let context = LinkContext(
      patch: patch, layout: layout, placement: placement, table: table,
      toc: placement.toc ?? table &+ 0x8000, bindings: bindings, imported: imported)
    return try context.link()
  }
}
