/// Which end of a number comes first in memory.
package enum ByteOrder: Sendable, Hashable {
  case littleEndian
  case bigEndian
}
