import Processors

/// The values of a guest's parameters.
package struct GuestArguments: Sendable, Equatable {
  /// Which of a device's windows a guest uses.
  package enum Window: String, Sendable, Codable, CaseIterable {
    /// Port I/O.
    case port
    /// The memory-mapped window.
    case memory
  }

  /// How a guest waits for its requests to be completed.
  package enum Wait: String, Sendable, Codable, CaseIterable {
    /// By reading the ring's completion count over and over.
    case poll
    /// Halted until the device's interrupt.
    case interrupt
  }

  /// How often the guest does what it does (on each vCPU, where several work).
  package internal(set) var iterations: UInt64 = 0
  /// `pause` instructions executed between iterations.
  package internal(set) var spacing: UInt32 = 0
  /// Which windows it uses.
  package internal(set) var window: Window = .port
  /// How many doorbells it kicks.
  package internal(set) var devices: UInt32 = 1
  /// How it waits for completions.
  package internal(set) var wait: Wait = .poll
  /// The Internet address that it has, 10.0.2.15 as 0x0a00020f; 0 if it has none.
  package internal(set) var address: UInt32 = 0
  /// What it asks of its virtio device.
  package internal(set) var requests = RequestArguments()
  /// The parameter that is this guest's own (access size, batch, period, …); 0 if it has none.
  package internal(set) var parameter: UInt32 = 0
}

extension GuestProgram {
  /// The arguments when nothing is given.
  package var defaultArguments: GuestArguments {
    var arguments = GuestArguments()
    for parameter in parameters {
      arguments.assign(parameter, parameter.defaultValue)
    }
    return arguments
  }

  /// The arguments that `settings` (each `name=value`) give; what is not named has its default.
  ///
  /// - Throws: ``GuestError`` naming the setting that is wrong and what would be right.
  package func arguments(_ settings: [String]) throws(GuestError) -> GuestArguments {
    var arguments = defaultArguments
    var given: Set<String> = []
    for setting in settings {
      guard let equals = setting.firstIndex(of: "=") else { throw .notASetting(setting) }
      let name = String(setting[..<equals])
      try set(name, to: String(setting[setting.index(after: equals)...]), in: &arguments)
      // Whoever gives both means both, and one of the two would be forgotten.
      guard given.insert(name).inserted else { throw .givenTwice(guest: self.name, parameter: name) }
    }
    return arguments
  }

  /// Sets one parameter from what a user wrote. Numbers are decimal, or hexadecimal after `0x`.
  ///
  /// - Throws: ``GuestError`` if this guest has no such parameter or does not take the value.
  package func set(
    _ name: String, to value: String, in arguments: inout GuestArguments
  ) throws(GuestError) {
    guard let parameter = parameters.first(where: { $0.name.rawValue == name }) else {
      throw .unknownParameter(guest: self.name, parameter: name, known: parameters.map(\.name.rawValue))
    }
    switch parameter.values {
    case .number(let range):
      guard let number = UInt64(wholeNumber: value), range.contains(number) else {
        throw .badValue(
          guest: self.name, parameter: name, value: value,
          allowed: "a whole number from \(range.lowerBound) to \(range.upperBound)")
      }
      arguments.assign(parameter, String(number))
    case .choice(let words):
      guard words.contains(value) else {
        throw .badValue(
          guest: self.name, parameter: name, value: value, allowed: words.joined(separator: " or "))
      }
      arguments.assign(parameter, value)
    case .address:
      guard UInt32(address: value) != nil else {
        throw .badValue(
          guest: self.name, parameter: name, value: value,
          allowed: "an address of one host, such as \(parameter.defaultValue)")
      }
      arguments.assign(parameter, value)
    }
  }

  /// Splits `doorbell,iterations=1000,wait=interrupt` into a guest and its arguments.
  ///
  /// - Parameter settings: further ones, each `name=value`.
  /// - Throws: ``GuestError`` if there is no such guest, or a setting is wrong, or there twice.
  package static func parse(
    _ selection: String, _ settings: [String] = [], for architecture: Architecture = .x86
  ) throws(GuestError) -> (program: GuestProgram, arguments: GuestArguments) {
    let parts = selection.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    let program = try named(parts.first ?? "", for: architecture)
    return (program, try program.arguments(parts.dropFirst() + settings))
  }
}

extension GuestArguments {
  /// Stores a value that is known to be among the parameter's values.
  fileprivate mutating func assign(_ parameter: GuestParameter, _ value: String) {
    switch parameter.name {
    case .iterations: iterations = UInt64(value) ?? 0
    case .spacing: spacing = UInt32(value) ?? 0
    case .window: window = Window(rawValue: value) ?? .port
    case .devices: devices = UInt32(value) ?? 1
    case .wait: wait = Wait(rawValue: value) ?? .poll
    case .period, .accesses: self.parameter = UInt32(value) ?? 0
    case .address: address = UInt32(address: value) ?? 0
    // In the parameter for guests that have only one of them, and for those with requests in a place of its own.
    case .size:
      requests.size = UInt32(value) ?? 0
      self.parameter = self.parameter & 0xffff_0000 | requests.size & 0xffff
    case .queues:
      self.parameter = UInt32(value) ?? 0
      requests.queues = self.parameter
    case .batch:
      self.parameter = UInt32(value) ?? 0
      requests.batch = self.parameter
    case .depth: requests.depth = UInt32(value) ?? 1
    case .reads: requests.reads = UInt32(value) ?? 0
    case .flush: requests.flush = UInt32(value) ?? 0
    case .order: requests.order = RequestArguments.Order(rawValue: value) ?? .sequential
    case .places: requests.places = UInt32(value) ?? 1
    case .announce: requests.announcement = RequestArguments.Announcement(rawValue: value) ?? .nothing
    // Two in one: the guest has both.
    case .polls: self.parameter = self.parameter & 0xffff_0000 | (UInt32(value) ?? 0) & 0xffff
    case .writes: self.parameter = self.parameter & 0xffff | (UInt32(value) ?? 0) << 16
    }
  }
}

extension UInt32 {
  /// Reads an address of IPv4 that a host can have: not one of this network (0), the host itself (127) or many (224 and more).
  fileprivate init?(address text: String) {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    let bytes = parts.compactMap { $0.allSatisfy(\.isWholeNumber) ? UInt8($0) : nil }
    guard parts.count == 4, bytes.count == 4, 1..<224 ~= bytes[0], bytes[0] != 127 else { return nil }
    self = bytes.reduce(0) { $0 << 8 | UInt32($1) }
  }
}

extension UInt64 {
  fileprivate init?(wholeNumber text: String) {
    let number = text.hasPrefix("0x") ? UInt64(text.dropFirst(2), radix: 16) : UInt64(text)
    guard let number else { return nil }
    self = number
  }
}
