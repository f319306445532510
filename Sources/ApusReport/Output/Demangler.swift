import Glibc

/// Makes readable names of mangled ones: C++ (Itanium ABI, 5.1) and Swift. It remembers every answer.
@safe package final class Demangler {
  private typealias ItaniumDemangle =
    @convention(c) (
      UnsafePointer<CChar>?, UnsafeMutablePointer<CChar>?, UnsafeMutablePointer<Int>?,
      UnsafeMutablePointer<Int32>?
    ) -> UnsafeMutablePointer<CChar>?
  private typealias SwiftDemangle =
    @convention(c) (
      UnsafePointer<CChar>?, Int, UnsafeMutablePointer<CChar>?, UnsafeMutablePointer<Int>?, UInt32
    ) -> UnsafeMutablePointer<CChar>?
  private typealias Free = @convention(c) (UnsafeMutableRawPointer?) -> Void

  private var known: [String: String] = [:]
  /// With what gives its answers' memory back: a static program that opens a library has another C library through it, with a
  /// heap of its own.
  private lazy var itanium: (demangle: ItaniumDemangle, free: Free)? = {
    let library = unsafe dlopen("libstdc++.so.6", RTLD_NOW | RTLD_LOCAL)
    guard let library = unsafe library, let symbol = unsafe dlsym(library, "__cxa_demangle") else {
      return nil
    }
    let demangle = unsafe unsafeBitCast(symbol, to: ItaniumDemangle.self)
    // The one that all use, which may be a preloaded library's or a sanitizer's; a static program has none.
    let common = unsafe dlsym(nil, "free")
    guard let free = unsafe common ?? dlsym(library, "free") else { return nil }
    return unsafe (demangle, unsafeBitCast(free, to: Free.self))
  }()
  private lazy var swift: SwiftDemangle? = {
    // The runtime is in the program itself (static) or loaded with it.
    guard let symbol = unsafe dlsym(dlopen(nil, RTLD_NOW), "swift_demangle") else { return nil }
    return unsafe unsafeBitCast(symbol, to: SwiftDemangle.self)
  }()

  /// A demangler that knows nothing yet.
  package init() {}

  /// The readable form of a symbol's name, or the name itself if it is not mangled. What follows a version
  /// ("@") or a suffix of the compiler's ("." behind an Itanium name) stays.
  package func name(_ symbol: String) -> String {
    if let answer = known[symbol] { return answer }
    let answer = demangle(symbol) ?? symbol
    known[symbol] = answer
    return answer
  }

  private func demangle(_ symbol: String) -> String? {
    if symbol.hasPrefix("_Z") || symbol.hasPrefix("__Z") {
      guard let itanium = unsafe itanium else { return nil }
      var status: Int32 = 0
      let text = unsafe symbol.withCString { unsafe itanium.demangle($0, nil, nil, &status) }
      return unsafe take(text, itanium.free)
    }
    if symbol.hasPrefix("$s") || symbol.hasPrefix("$S") || symbol.hasPrefix("_T0") {
      guard let swift = unsafe swift else { return nil }
      let text = unsafe symbol.withCString { unsafe swift($0, symbol.utf8.count, nil, nil, 0) }
      return unsafe take(text) { unsafe free($0) }
    }
    return nil
  }

  private func take(_ text: UnsafeMutablePointer<CChar>?, _ free: Free) -> String? {
    guard let text = unsafe text else { return nil }
    defer { unsafe free(text) }
    return unsafe String(cString: text)
  }
}
