import Platform
import Testing

@Suite("Spans of time as users write them")
struct TimeTextTests {
  @Test(
    "Are read exactly",
    arguments: [
      ("50us", 50_000), ("1ns", 1), ("0", 0), ("0us", 0), ("50000ns", 50_000), ("0.000050s", 50_000),
      ("30", 30_000_000_000),
      ("1.5ms", 1_500_000), (".5s", 500_000_000), ("2m", 120_000_000_000), ("1h", 3_600_000_000_000),
      ("0.3s", 300_000_000), ("0.1h", 360_000_000_000), ("1.000000000000s", 1_000_000_000),
      ("9223372036s", 9_223_372_036_000_000_000),
      ("0.0000000000025h", 9), ("9223372036854775808ns", 1 << 63),
    ] as [(String, UInt64)])
  func exact(text: String, nanoseconds: UInt64) {
    #expect(TimeText.nanoseconds(text) == nanoseconds)
  }

  /// Every whole number of microseconds that a polling budget may be: a factor of 0.000001 made 49 999 of 50 000.
  @Test("No number of microseconds becomes another")
  func microseconds() {
    for number in (0...4_000_000).lazy.filter({ $0 % 997 == 0 || $0 < 2000 }) {
      #expect(TimeText.nanoseconds("\(number)us") == UInt64(number) * 1000)
    }
  }

  @Test(
    "What is none is refused",
    arguments: [
      "", "s", "ms", ".", ".s", "1.", "1.s", "-1s", "+1s", "1e3s", "0x10", "inf", "nan", " 1s", "1 s", "1s ",
      "1d", "1,5s", "1.2.3s",
      "0.5ns", "1.0000000005s", "9223372036854775809ns", "99999999999999999999s", "3000000h",
      "1.99999999999999999999999999s", "１s",
    ])
  func refused(text: String) {
    #expect(TimeText.nanoseconds(text) == nil)
  }

  @Test("Are written without zeros at the end")
  func written() {
    #expect(TimeText.seconds(0) == "0 s")
    #expect(TimeText.seconds(300_000_000) == "0.3 s")
    #expect(TimeText.seconds(30_000_000_000) == "30 s")
    #expect(TimeText.seconds(1_000_000_001) == "1.000000001 s")
  }
}
