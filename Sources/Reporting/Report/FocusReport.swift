/// The moment that a timeline is around.
public struct FocusReport: Codable, Equatable, Sendable {
  /// When; of an exit, when KVM_RUN returned.
  public var timestamp: Int64
  /// What the user asked for.
  public var name: String
  /// The exit that it is; nil: it is none.
  public var exit: FocusedExitReport?

  init(timestamp: Int64, name: String, exit: FocusedExitReport? = nil) {
    self.timestamp = timestamp
    self.name = name
    self.exit = exit
  }
}

/// An exit that was asked for.
public struct FocusedExitReport: Codable, Equatable, Sendable {
  /// The vCPU's name.
  public var vcpu: String
  /// The exit's number.
  public var seq: UInt64
  /// KVM_EXIT_* in lower case.
  public var reason: String
  /// `in` or `out`.
  public var direction: String?
  /// Port or guest physical address.
  public var address: UInt64?
  /// The device at that address.
  public var device: String?
  /// How long KVM_RUN took before it, ns; nil: that is not in the trace.
  public var inKvmRun: Int64?
  /// How long it was handled, ns; nil: that is not in the trace.
  public var handling: Int64?

  /// In words, such as `exit 1234 of vcpu0: io out 0x3f8 serial0`.
  var words: String {
    var words = [reason]
    if let direction { words.append(direction) }
    if let address { words.append("0x" + String(address, radix: 16)) }
    if let device { words.append(device) }
    return "exit \(seq) of \(vcpu): " + words.joined(separator: " ")
  }
}

/// The events next to a moment.
public struct TimelineEventsReport: Codable, Equatable, Sendable {
  /// In time order.
  public var events: [TimelineEventReport]
  /// How many more there are in the window.
  public var more: UInt64
}

/// An event in words.
public struct TimelineEventReport: Codable, Equatable, Sendable {
  /// When.
  public var timestamp: Int64
  /// The thread's name.
  public var thread: String
  /// Event, in words.
  public var event: String
}
