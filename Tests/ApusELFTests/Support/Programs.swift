import ApusCore
import ApusELF

/// A program whose every function, `functions`, the compiler keeps.
enum Programs {
  static let functions: Set<String> = ["main", "first", "second", "third", "spin", "empty", "_exported"]

  static let plain = """
    #define KEEP __attribute__((noinline, noclone, used))
    KEEP static int third(int x) { return x - 1; }
    int (*pointer)(int) = third;
    KEEP int second(int x) { return pointer(x) * 3; }
    KEEP int first(int x) { return second(x) + 1; }
    KEEP void empty(void) {}
    KEEP int spin(int n) { int s = 0; do { s += n * n ^ s; } while (--n > 0); return s; }
    int _exported(int x) { return x; }
    extern __typeof(_exported) alias __attribute__((alias("_exported")));
    int main(int argc, char **argv) { empty(); return first(argc) + spin(argc) == 0; }
    """
}

/// Opens the file at `path`.
func image(_ path: String) throws -> ELFImage { try ELFImage(source: try contents(of: path)) }

/// What nm says of a file's functions: each name's address. Versions and the dynamic table are left out.
func nmFunctions(_ path: String, _ flags: String = "") throws -> [String: UInt64] {
  var found: [String: UInt64] = [:]
  for line in try run("nm --defined-only --format=posix \(flags) '\(path)'").split(separator: "\n") {
    let fields = line.split(separator: " ")
    if fields.count >= 3, "tTwWi".contains(fields[1]), let address = UInt64(fields[2], radix: 16) {
      found[String(fields[0])] = address
    }
  }
  return found
}

/// The sites by their functions' names.
func sitesByName(_ sites: CallSites) -> [String: CallSite] {
  Dictionary(
    sites.sites.map { (sites.functions[$0.function].name, $0) }, uniquingKeysWith: { first, _ in first })
}
