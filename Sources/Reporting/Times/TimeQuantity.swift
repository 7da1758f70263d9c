/// A span of time as users write it: `1.5`, `1500ms`, `20us`, `50000ns`, `2m`.
package enum TimeQuantity {
  /// The units, with how many ns each has. The longest names come first where one ends like another.
  private static let units: [(name: String, nanoseconds: UInt64)] = [
    ("ns", 1), ("us", 1000), ("µs", 1000), ("μs", 1000), ("ms", 1_000_000), ("min", 60_000_000_000),
    ("m", 60_000_000_000), ("h", 3_600_000_000_000), ("s", 1_000_000_000),
  ]

  /// The nanoseconds that a text means, exact; parts of a ns are rounded. Without a unit they are seconds.
  ///
  /// - Returns: nil when it is no time, or one beyond 292 years.
  package static func nanoseconds(_ text: Substring) -> Int64? {
    let unit = units.first { text.hasSuffix($0.name) }
    var digits = text.dropLast(unit?.name.count ?? 0)
    if unit != nil, digits.last == " " { digits.removeLast() }
    return scaled(digits, by: unit?.nanoseconds ?? 1_000_000_000)
  }

  /// A decimal number, with sign, fraction and exponent, times a factor, rounded to the nearest whole number.
  static func scaled(_ text: Substring, by factor: UInt64) -> Int64? {
    var rest = text
    let isNegative = rest.first == "-"
    if isNegative || rest.first == "+" { rest.removeFirst() }
    var exponent = 0
    if let place = rest.firstIndex(where: { $0 == "e" || $0 == "E" }) {
      guard let value = Int(rest[rest.index(after: place)...]), abs(value) <= 40 else { return nil }
      exponent = value
      rest = rest[..<place]
    }
    let parts = rest.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    let whole = parts[0]
    let fraction = parts.count > 1 ? parts[1] : ""
    let digits = whole + fraction
    guard !digits.isEmpty, digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
    else { return nil }
    exponent -= fraction.count
    // 38 digits are exact; of more, those behind the point are below a ns.
    var value: UInt128 = 0
    for digit in digits.utf8 {
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      guard !overflow, product < UInt128.max / 100 else {
        guard exponent < 0 else { return nil }
        exponent += 1
        continue
      }
      value = product + UInt128(digit - UInt8(ascii: "0"))
    }
    guard value > 0 else { return 0 }
    while exponent < 0, value % 10 == 0 {
      value /= 10
      exponent += 1
    }
    // Few digits are left of what is no whole number of the unit, so that the product has room; else they do not count.
    while exponent < 0, value > UInt128.max / UInt128(factor) / 2 {
      value /= 10
      exponent += 1
    }
    guard value <= UInt128.max / UInt128(factor) else { return nil }
    value *= UInt128(factor)
    while exponent > 0 {
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      guard !overflow else { return nil }
      value = product
      exponent -= 1
    }
    if exponent < 0 {
      guard exponent > -39 else { return 0 }
      var divisor: UInt128 = 1
      for _ in 0..<(-exponent) { divisor *= 10 }
      value = value / divisor + (value % divisor >= divisor / 2 + divisor % 2 ? 1 : 0)
    }
    guard value <= UInt128(Int64.max) else { return nil }
    return isNegative ? -Int64(value) : Int64(value)
  }
}
