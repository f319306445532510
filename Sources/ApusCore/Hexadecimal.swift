/// `value` as `0x` and lower-case digits, without leading zeros: how addresses and offsets are printed.
package func hexadecimal(_ value: some BinaryInteger) -> String {
  "0x" + String(value, radix: 16)
}
