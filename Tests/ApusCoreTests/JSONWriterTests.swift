import ApusCore
import Testing

@Suite struct JSONWriterTests {
  static let strings: [(String, String)] = [
    ("", #""""#), ("a b", #""a b""#), ("\"\\/", #""\"\\/""#), ("\u{8}\t\n\u{c}\r", #""\b\t\n\f\r""#),
    ("\u{0}\u{1f}\u{7f}", "\"\\u0000\\u001f\u{7f}\""), ("é😀", "\"é😀\""),
  ]

  @Test(arguments: strings) func stringsAreEscaped(_ text: String, _ expected: String) {
    var json = JSONWriter()
    json.value(text)
    #expect(json.text == expected + "\n")
  }

  @Test func invalidUTF8IsReplaced() {
    var json = JSONWriter()
    json.value(bytes: [0x61, 0xff, 0xc3, 0x62])
    #expect(json.text == "\"a\u{fffd}\u{fffd}b\"\n")
  }

  @Test func numbersKeepAllDigits() {
    var json = JSONWriter()
    json.array { json in
      json.value(UInt64.max)
      json.value(Int64.min)
      json.value(0)
      json.value(UInt8(7))
      json.value(0.1)
      json.value(-1e300)
      json.value(Double.nan)
      json.value(Double.infinity)
    }
    #expect(json.text == "[18446744073709551615,-9223372036854775808,0,7,0.1,-1e+300,null,null]\n")
  }

  @Test func nestingPlacesCommas() {
    var json = JSONWriter()
    json.object { json in
      json.member("a", 1)
      json.object("b") { _ in }
      json.array("c") { json in
        json.array { _ in }
        json.object { $0.member("d", true) }
        json.null()
      }
      json.member("e", nil as String?)
      json.member("f", "g")
      json.member("h", 2 as Int?)
    }
    #expect(json.text == #"{"a":1,"b":{},"c":[[],{"d":true},null],"e":null,"f":"g","h":2}"# + "\n")
  }

  @Test func objectsAreLinesAndCanBeTaken() {
    var json = JSONWriter()
    json.object { $0.member("a", 1) }
    #expect(json.takeBytes() == Array("{\"a\":1}\n".utf8))
    json.object { $0.member("b", 2) }
    json.beginArray()
    json.value(1)
    #expect(json.takeBytes() == Array("{\"b\":2}\n[1".utf8))
    json.value(2)
    json.endArray()
    #expect(json.text == ",2]\n")
  }
}
