/// Something that a guest can be told, as `name=value`.
package struct GuestParameter: Sendable, Equatable {
  /// What it sets in a guest's arguments.
  package enum Name: String, Sendable, Codable, CaseIterable {
    /// How often the guest does what it does.
    case iterations
    /// `pause` instructions executed between iterations.
    case spacing
    /// Ports or memory-mapped windows.
    case window
    /// Doorbells, one after the other.
    case devices
    /// How completions are waited for.
    case wait
    /// Bytes per access.
    case size
    /// Requests made before the guest waits for their completion.
    case batch
    /// Microseconds until the timer fires.
    case period
    /// Write and read pairs on the shared scratch register before each kick.
    case accesses
    /// Reads of a port that no device claims, in each iteration.
    case polls
    /// Bytes written to the serial port, or writes of a register before it is read, in each iteration.
    case writes
    /// Queues: of each vCPU at the doorbell, or of the disk.
    case queues
    /// Requests under way at once.
    case depth
    /// How many of a hundred requests read.
    case reads
    /// Writes between two flushes.
    case flush
    /// Which places requests are about, one after the other.
    case order
    /// Places of one request each, on a disk.
    case places
    /// What is told over the serial port.
    case announce
    /// The Internet address that a guest has.
    case address
  }

  /// What values it takes.
  package enum Values: Sendable, Equatable {
    /// A whole number in this range.
    case number(ClosedRange<UInt64>)
    /// One of these words.
    case choice([String])
    /// An address of IPv4: four numbers with full stops between them.
    case address
  }

  /// What it is called on the command line.
  package let name: Name
  /// What it means, in one line, with its unit.
  package let meaning: String
  /// The values that it takes.
  package let values: Values
  /// The value when it is not given, as it would be written.
  package let defaultValue: String

  /// The values that it takes, as they are listed and named in messages.
  package var valuesDescription: String {
    switch values {
    case .number(let range): "\(range.lowerBound)-\(range.upperBound)"
    case .choice(let words): words.joined(separator: "|")
    case .address: "a.b.c.d"
    }
  }

  static func iterations(_ defaultValue: UInt64, _ meaning: String) -> GuestParameter {
    GuestParameter(
      name: .iterations, meaning: meaning, values: .number(1...1_000_000_000),
      defaultValue: String(defaultValue))
  }

  static let spacing = GuestParameter(
    name: .spacing, meaning: "pause instructions executed after each iteration",
    values: .number(0...1_000_000), defaultValue: "0")

  static let window = GuestParameter(
    name: .window, meaning: "reach the device through its ports or its memory-mapped window",
    values: .choice(GuestArguments.Window.allCases.map(\.rawValue)), defaultValue: "port")

  static let devices = GuestParameter(
    name: .devices, meaning: "doorbells kicked, one after the other from doorbell0 on (--doorbells)",
    values: .number(1...UInt64(GuestRequirements.maximumDoorbells)), defaultValue: "1")

  static let wait = GuestParameter(
    name: .wait, meaning: "wait for completion by polling memory or halted until the interrupt",
    values: .choice(GuestArguments.Wait.allCases.map(\.rawValue)), defaultValue: "poll")

  static let batch = GuestParameter(
    name: .batch, meaning: "requests, each with its kick, made before waiting for all of them",
    values: .number(1...256), defaultValue: "1")

  static let period = GuestParameter(
    name: .period, meaning: "microseconds from setting the timer until it fires",
    values: .number(1...500_000), defaultValue: "1000")

  static let accesses = GuestParameter(
    name: .accesses, meaning: "write and read pairs on the shared scratch register before each kick",
    values: .number(0...1000), defaultValue: "1")

  static let polls = GuestParameter(
    name: .polls, meaning: "reads of port 0x1f7, which no device claims, in each iteration",
    values: .number(0...1000), defaultValue: "8")

  static let writes = GuestParameter(
    name: .writes, meaning: "bytes written to the serial port in each iteration",
    values: .number(0...1000), defaultValue: "2")

  static let bursts = GuestParameter(
    name: .writes, meaning: "writes of the register before each read", values: .number(1...1000),
    defaultValue: "1")

  static let queues = GuestParameter(
    name: .queues, meaning: "doorbell queues of each vCPU, each with an interrupt line of its own",
    values: .number(1...UInt64(GuestRequirements.queueLines)), defaultValue: "2")

  static let size = GuestParameter(
    name: .size, meaning: "bytes per access", values: .choice(["1", "2", "4"]), defaultValue: "4")
}
