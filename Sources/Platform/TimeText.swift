/// Spans of time as users write and read them.
public enum TimeText {
  /// Reads a span of time, exactly: a decimal number with a unit, `ns`, `us`, `ms`, `s`, `m` or `h`; seconds without one.
  ///
  /// - Returns: nanoseconds; nil for what is no time, has a part of a nanosecond, or exceeds 2^63 nanoseconds.
  public static func nanoseconds(_ text: String) -> UInt64? {
    let units: [(suffix: String, factor: UInt64)] = [
      ("ns", 1), ("us", 1000), ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000),
      ("h", 3_600_000_000_000),
    ]
    let unit = units.first { text.hasSuffix($0.suffix) } ?? ("", 1_000_000_000)
    let number = text.utf8.dropLast(unit.suffix.utf8.count)
    let parts = number.split(separator: UInt8(ascii: "."), maxSplits: 1, omittingEmptySubsequences: false)
    guard let whole = digits(parts[0]), !parts[0].isEmpty || parts.count == 2 else { return nil }
    let (product, overflow) = whole.multipliedReportingOverflow(by: unit.factor)
    guard !overflow else { return nil }
    var total = product
    if parts.count == 2 {
      // Each decimal is worth a tenth of the one before; what is left of a nanosecond must be nothing.
      guard !parts[1].isEmpty else { return nil }
      var numerator: UInt64 = 0
      var denominator: UInt64 = 1
      var decimals = parts[1]
      while decimals.last == UInt8(ascii: "0") { decimals.removeLast() }
      for digit in decimals {
        // The largest unit has fewer than 14 decimals that are whole nanoseconds.
        guard let value = TimeText.digits(CollectionOfOne(digit)), denominator < 100_000_000_000_000 else {
          return nil
        }
        numerator = numerator * 10 + value
        denominator *= 10
      }
      let (high, low) = numerator.multipliedFullWidth(by: unit.factor)
      let (quotient, remainder) = denominator.dividingFullWidth((high, low))
      guard remainder == 0 else { return nil }
      let (sum, overflow) = total.addingReportingOverflow(quotient)
      guard !overflow else { return nil }
      total = sum
    }
    return total <= 1 << 63 ? total : nil
  }

  /// Whether a text is a number with a unit of time, or without one, however large or small.
  public static func isSpan(_ text: String) -> Bool {
    let unit = ["ns", "us", "ms", "s", "m", "h"].first { text.hasSuffix($0) } ?? ""
    let parts = text.utf8.dropLast(unit.utf8.count).split(
      separator: UInt8(ascii: "."), maxSplits: 1, omittingEmptySubsequences: false)
    return parts.contains { !$0.isEmpty }
      && parts.joined().allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
  }

  /// Writes a span of time as seconds, without zeros at the end: `1.5 s`.
  public static func seconds(_ nanoseconds: UInt64) -> String {
    var fraction = String(nanoseconds % 1_000_000_000)
    fraction = String(repeating: "0", count: 9 - fraction.count) + fraction
    while fraction.hasSuffix("0") { fraction.removeLast() }
    return "\(nanoseconds / 1_000_000_000)" + (fraction.isEmpty ? "" : ".\(fraction)") + " s"
  }

  /// A number of decimal digits and nothing else; 0 for none.
  private static func digits(_ text: some Sequence<UInt8>) -> UInt64? {
    var value: UInt64 = 0
    for byte in text {
      guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, overflow2) = product.addingReportingOverflow(UInt64(byte - UInt8(ascii: "0")))
      guard !overflow, !overflow2 else { return nil }
      value = sum
    }
    return value
  }
}
