import ArgumentParser
import Machine
import Platform
import Processors

/// A number of bytes as users write it: `4096`, `64K`, `64M`, `2G`, `0x100000`.
struct ByteCount: ExpressibleByArgument {
  let bytes: UInt64

  init?(argument: String) {
    var digits = Substring(argument)
    var shift: UInt64 = 0
    if let unit = argument.last, let factor = ["k": 10, "m": 20, "g": 30, "t": 40][unit.lowercased()] {
      // In hexadecimal no letter is a unit: none of them is a digit, but 0x64K would be odd enough to refuse.
      guard !argument.hasPrefix("0x") else { return nil }
      shift = UInt64(factor)
      digits = digits.dropLast()
    }
    guard let number = UInt64(wholeNumber: digits) else { return nil }
    let (bytes, overflow) = number.multipliedReportingOverflow(by: 1 << shift)
    guard !overflow else { return nil }
    self.bytes = bytes
  }
}

/// A guest physical address: decimal, or hexadecimal after `0x`.
struct Address: ExpressibleByArgument {
  let value: UInt64

  init?(argument: String) {
    guard let value = UInt64(wholeNumber: Substring(argument)) else { return nil }
    self.value = value
  }
}

/// A span of time as users write it: `30s`, `500ms`, `50us`, `2m`, `30`; 0 is one.
struct TimeSpan: ExpressibleByArgument {
  let nanoseconds: UInt64

  init?(argument: String) {
    guard let nanoseconds = TimeText.nanoseconds(argument) else { return nil }
    self.nanoseconds = nanoseconds
  }
}

/// `on` or `off`, as QEMU's options have it.
enum Switch: String, ExpressibleByArgument, CaseIterable {
  case on
  case off
}

/// An engine, or the one that this host has.
enum EngineOption: String, ExpressibleByArgument, CaseIterable {
  case kvm
  case tcg
  case auto

  /// Which one that is.
  func kind(for architecture: Architecture) -> MachineConfiguration.EngineKind {
    switch self {
    case .auto where architecture != .x86: return .tcg
    case .kvm: return .kvm
    case .tcg: return .tcg
    case .auto:
      return EngineSelection.automatic().0
    }
  }

  /// Of KVM that cannot be used, where that decided; that it runs no other processors' guests is no news.
  func notice(for architecture: Architecture) -> String? {
    guard case .auto = self, architecture == .x86 else { return nil }
    let (kind, reason) = EngineSelection.automatic()
    guard kind == .tcg, let reason else { return nil }
    return "runs under --engine tcg, without KVM: \(reason)"
  }
}

/// Threads and the CPUs that they are pinned to: `vcpu0=0,io0=1`.
struct PinList {
  private(set) var pins: [String: Int] = [:]

  init() {}

  /// Reads a list as users write it.
  init(parsing text: String) throws {
    for item in text.split(separator: ",", omittingEmptySubsequences: false) {
      let parts = item.split(separator: "=", omittingEmptySubsequences: false)
      guard parts.count == 2, !parts[0].isEmpty, let cpu = Int(parts[1]), cpu >= 0 else {
        throw ValidationError("\"\(item)\" is no THREAD=CPU, such as vcpu0=0")
      }
      try add(String(parts[0]), cpu)
    }
  }

  /// Adds the pins of another list.
  mutating func add(_ other: PinList) throws {
    for (thread, cpu) in other.pins { try add(thread, cpu) }
  }

  private mutating func add(_ thread: String, _ cpu: Int) throws {
    guard pins.updateValue(cpu, forKey: thread) == nil else {
      throw ValidationError("\(thread) is pinned twice; give --pin one CPU for each thread")
    }
  }
}

extension UInt64 {
  /// A whole number, decimal or hexadecimal after `0x`, without a sign.
  fileprivate init?(wholeNumber text: Substring) {
    guard let first = text.first, first.isNumber else { return nil }
    let number = text.hasPrefix("0x") ? UInt64(text.dropFirst(2), radix: 16) : UInt64(text)
    guard let number else { return nil }
    self = number
  }
}
