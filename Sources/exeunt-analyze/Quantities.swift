import Analysis
import ArgumentParser
import Dump
import Reporting
import Spelling

/// A time on the command line: seconds, or with a unit from ns to h.
struct TimeArgument: ExpressibleByArgument {
  /// ns.
  let nanoseconds: Int64

  init?(argument: String) {
    guard let nanoseconds = TimeQuantity.nanoseconds(argument[...]) else { return nil }
    self.nanoseconds = nanoseconds
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

  /// What to say of a text that is no reason.
  static func mistake(_ text: String) -> String {
    "'\(text)' is no exit reason" + NearestWord.sentence(for: text, among: ValueName.exitReason)
  }

  static func parse(_ text: String) throws -> ReasonArgument {
    guard let reason = ReasonArgument(argument: text) else { throw ValidationError(mistake(text)) }
    return reason
  }
}

extension LatencyThreshold {
  /// The form of a limit.
  static let form =
    "what, then p50, p90, p99, p99.9 or max=TIME; what is reason=R, device=D, address=A, several of them with commas "
    + "between, nothing: each kind of exits by itself, or all: all together"

  /// Reads `reason=io,device=serial0,p99=20us`, `address=0x3f8,max=1ms` or `all,p50=2us`.
  static func parse(_ text: String) throws -> LatencyThreshold {
    func mistake(_ what: String) -> ValidationError {
      ValidationError("\(what). A limit is \(form)")
    }
    var limit = LatencyThreshold(reason: nil, device: nil, statistic: "", limit: 0)
    var given: Set<String> = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      guard given.insert(pair[0]).inserted else { throw mistake("\(pair[0]) is given twice") }
      switch (pair[0], pair.count > 1 ? pair[1] : nil) {
      case ("all", nil): limit.isAll = true
      case ("reason", let value?):
        guard let reason = ReasonArgument(argument: value) else {
          throw mistake(ReasonArgument.mistake(value))
        }
        limit.reason = reason.name
      case ("device", let value?): limit.device = value
      case ("address", let value?):
        guard let address = NumberArgument(argument: value) else { throw mistake("'\(value)' is no address") }
        limit.address = address.value
      case (let name, let value?) where statistics.contains(name):
        guard let time = TimeQuantity.nanoseconds(value[...]) else { throw mistake("'\(value)' is no time") }
        // Seconds, as elsewhere, are hardly meant: such a limit would never be passed.
        guard value.last?.isNumber == false || time == 0 else {
          throw mistake("'\(value)' has no unit (ns, us, ms, s)")
        }
        guard limit.statistic.isEmpty else { throw mistake("it has two times") }
        (limit.statistic, limit.limit) = (name, time)
      default:
        let known = ["all", "reason", "device", "address"] + statistics
        throw mistake("'\(part)' is not known" + NearestWord.sentence(for: pair[0], among: known))
      }
    }
    guard !limit.statistic.isEmpty else { throw mistake("it has no time") }
    guard !limit.isAll || (limit.reason == nil && limit.device == nil && limit.address == nil) else {
      throw mistake("all goes with no reason, device or address")
    }
    return limit
  }
}
