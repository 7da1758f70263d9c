import Analysis
import ArgumentParser
import Reporting

/// A time on the command line: seconds, or with a suffix ns, us, µs, ms or s.
struct TimeArgument: ExpressibleByArgument {
  /// ns.
  let nanoseconds: Int64

  init?(argument: String) {
    let units: [(String, Double)] = [("ns", 1), ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9)]
    let unit = units.first { argument.hasSuffix($0.0) }
    let digits = argument.dropLast(unit?.0.count ?? 0)
    guard let value = Double(digits), value.isFinite,
      digits.allSatisfy({ $0.isNumber || ".-+eE".contains($0) })
    else {
      return nil
    }
    let nanoseconds = (value * (unit?.1 ?? 1e9)).rounded()
    guard abs(nanoseconds) < 9e18 else { return nil }
    self.nanoseconds = Int64(nanoseconds)
  }
}

/// A number on the command line: decimal, or hexadecimal with 0x.
struct NumberArgument: ExpressibleByArgument {
  let value: UInt64

  init?(argument: String) {
    let isHexadecimal = argument.hasPrefix("0x") || argument.hasPrefix("0X")
    guard let value = isHexadecimal ? UInt64(argument.dropFirst(2), radix: 16) : UInt64(argument) else {
      return nil
    }
    self.value = value
  }
}

/// An exit reason by name or number.
struct ReasonArgument: ExpressibleByArgument {
  let value: UInt64
  let name: String

  init?(argument: String) {
    if let index = ValueName.exitReason.firstIndex(of: argument.lowercased()) {
      value = UInt64(index)
    } else if let number = UInt64(argument), number < 256 {
      value = number
    } else {
      return nil
    }
    name = ValueName.exitReason(UInt8(value))
  }
}

extension LatencyThreshold: ExpressibleByArgument {
  /// Reads `reason=io,device=serial0,p99=20us`.
  public init?(argument: String) {
    var reason: String?
    var device: String?
    var limit: (String, Int64)?
    for part in argument.split(separator: ",") {
      let pair = part.split(separator: "=", maxSplits: 1).map(String.init)
      guard pair.count == 2 else { return nil }
      switch pair[0] {
      case "reason":
        guard let known = ReasonArgument(argument: pair[1]) else { return nil }
        reason = known.name
      case "device": device = pair[1]
      default:
        guard Self.statistics.contains(pair[0]), let time = TimeArgument(argument: pair[1]), limit == nil
        else {
          return nil
        }
        limit = (pair[0], time.nanoseconds)
      }
    }
    guard let limit else { return nil }
    self.init(reason: reason, device: device, statistic: limit.0, limit: limit.1)
  }
}
