import Glibc
import Platform

/// A recording that a test makes up, of any length: rounds of a guest whose vCPUs access a device, kick a queue and get an
/// interrupt for what a loop and the host did for them. It is one CTF stream with numbers of 64 bits and a clock in ns.
package struct SyntheticRecording {
  /// An event's name and its fields in the order of the catalogue.
  private struct Declaration {
    var name: String
    var fields: [String]
    /// How many of the first fields are texts, after `before` numbers.
    var texts = 0
    var before = 0
  }

  private static let request = ["thread_kind", "thread", "seq", "device", "queue", "id"]
  private static let declarations = [
    Declaration(name: "vcpu_run_enter", fields: ["vcpu", "seq"]),
    Declaration(
      name: "vcpu_run_exit", fields: ["vcpu", "seq", "reason", "address", "size", "direction", "count"]),
    Declaration(name: "dispatch_begin", fields: ["thread_kind", "thread", "seq", "device", "offset"]),
    Declaration(name: "dispatch_end", fields: ["thread_kind", "thread", "seq", "device"]),
    Declaration(name: "loop_wait", fields: ["loop", "seq", "timeout"]),
    Declaration(name: "loop_wakeup", fields: ["loop", "seq", "ready"]),
    Declaration(name: "handler_begin", fields: ["loop", "seq", "source", "device", "queue"]),
    Declaration(name: "handler_end", fields: ["loop", "seq", "source", "device", "queue"]),
    Declaration(name: "ioeventfd_signal", fields: ["loop", "seq", "device", "queue", "counter"]),
    Declaration(name: "guest_kick_stamp", fields: request + ["tsc"]),
    Declaration(name: "request_begin", fields: request + ["kind", "bytes"]),
    Declaration(name: "backend_submit", fields: request + ["work", "bytes"]),
    Declaration(name: "backend_complete", fields: request + ["status"]),
    Declaration(name: "request_end", fields: request + ["status"]),
    Declaration(
      name: "interrupt", fields: ["thread_kind", "thread", "seq", "device", "line", "mechanism"]),
    Declaration(name: "guest_mark", fields: ["vcpu", "seq", "value", "guest_tsc"]),
    Declaration(name: "clock_sync", fields: ["tsc", "monotonic", "realtime", "window"]),
    Declaration(
      name: "vcpu_info", fields: ["vcpu", "tid", "name", "cpu", "tsc_offset", "tsc_offset_known"], texts: 1,
      before: 2),
    Declaration(
      name: "loop_info", fields: ["loop", "tid", "name", "cpu", "poll_budget"], texts: 1, before: 2),
    Declaration(
      name: "device_info", fields: ["device", "name", "space", "base", "length", "line", "lock"], texts: 1,
      before: 1),
    Declaration(
      name: "vm_info",
      fields: [
        "version", "guest", "kvm", "kernel", "configuration", "pid", "ram_bytes", "tsc_khz", "vcpus", "loops",
      ], texts: 5),
  ]
  private static let numbers = Dictionary(
    uniqueKeysWithValues: declarations.enumerated().map { ($1.name, UInt16($0)) })

  private var bytes: [UInt8] = []
  /// Events of the packet that is open, and when it was begun.
  private var packet: [UInt8] = []
  private var packetBegin: UInt64 = 0
  private static let packetSize = 1 << 16
  private var random: SeededGenerator
  private let vcpus: Int
  /// What the device is called, which is whatever the writer of a trace wants.
  private let device: String
  private var requests: UInt64 = 0
  private var seqs: [UInt64]
  private var wakeups: UInt64 = 0
  /// The clock, ns.
  private var now: UInt64 = 1_000_000_000

  /// - Parameters:
  ///   - rounds: Each has an exit, a request and an interrupt.
  ///   - device: Of the device, which its requests and interrupts are of.
  ///   - pause: After each round, ns.
  ///   - seed: Of how long everything takes.
  package init(
    rounds: Int, vcpus: Int = 2, device: String = "disk0", pause: UInt64 = 0, seed: UInt64 = 1
  ) {
    random = SeededGenerator(seed: seed)
    self.vcpus = vcpus
    self.device = device
    seqs = Array(repeating: 1, count: vcpus)
    bytes.reserveCapacity(rounds * 1100)
    describe()
    for round in 0..<rounds {
      add(round)
      now += pause
    }
    event("clock_sync", [now, now, now, 10])
    closePacket()
  }

  /// Without any event.
  package static var empty: SyntheticRecording {
    var recording = SyntheticRecording(rounds: 0)
    recording.bytes = []
    return recording
  }

  /// Writes it as a trace.
  ///
  /// - Parameter directory: Which there is.
  package func write(to directory: String) throws {
    try Self.write(Array(Self.metadata.utf8), to: directory + "/metadata")
    try Self.write(bytes, to: directory + "/stream")
  }

  private static func write(_ bytes: [UInt8], to path: String) throws {
    let file = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0o600)
    guard file >= 0 else { throw Errno.current }
    defer { close(file) }
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
      guard count > 0 else { throw Errno.current }
      rest = rest.dropFirst(count)
    }
  }

  // MARK: What happens

  private func words(_ text: String) -> [UInt8] { Array(text.utf8) + [0] }

  private mutating func describe() {
    event("clock_sync", [now, now, now, 10])
    event(
      "vm_info", texts: ["1", "made up", "none", "none", "{}"], [1, 1 << 20, 1_000_000, UInt64(vcpus), 1])
    for vcpu in 0..<vcpus {
      event("vcpu_info", texts: ["vcpu\(vcpu)"], [UInt64(vcpu), UInt64(10 + vcpu), .max, 0, 1])
      event("vcpu_run_enter", [UInt64(vcpu), 1])
    }
    event("loop_info", texts: ["io0"], [0, 20, .max, 0])
    event("device_info", texts: [device], [3, 0, 0x1000, 0x100, 5, 0xffff])
    event("loop_wait", [0, 1, .max])
  }

  /// Time passes, up to so many ns.
  private mutating func pass(_ most: UInt64) { now += 1 + random.next() % most }

  private mutating func add(_ round: Int) {
    let vcpu = UInt64(round % vcpus)
    let seq = seqs[Int(vcpu)]
    pass(round % 1000 == 999 ? 400_000 : 4000)
    let address: UInt64 = 0x1000 + UInt64(round % 4) * 8
    event("vcpu_run_exit", [vcpu, seq, 2, address, 4, UInt64(1 + round % 2), 1])
    pass(300)
    event("dispatch_begin", [0, vcpu, seq, 3, address - 0x1000])
    pass(round % 500 == 7 ? 90_000 : 2000)
    event("dispatch_end", [0, vcpu, seq, 3])
    if round % 64 == 5 { event("guest_mark", [vcpu, seq, UInt64(round), now]) }
    pass(200)
    seqs[Int(vcpu)] += 1
    event("vcpu_run_enter", [vcpu, seqs[Int(vcpu)]])
    serve()
  }

  /// The guest kicks, and the loop does what it asks for.
  private mutating func serve() {
    pass(900)
    let kicked = now
    wakeups += 1
    requests += 1
    let request = [1, 0, wakeups, 3, requests % 2, requests & 0xff_ffff]
    pass(2500)
    event("loop_wakeup", [0, wakeups, 1])
    pass(200)
    event("handler_begin", [0, wakeups, 0, 3, requests % 2])
    pass(100)
    event("ioeventfd_signal", [0, wakeups, 3, requests % 2, 1])
    event("guest_kick_stamp", request + [kicked])
    pass(300)
    event("request_begin", request + [1 + requests % 3, 4096])
    pass(300)
    event("backend_submit", request + [0, 4096])
    pass(9000)
    event("backend_complete", request + [0])
    pass(200)
    event("request_end", request + [0])
    pass(200)
    event("interrupt", [1, 0, wakeups, 3, 5, 0])
    pass(200)
    event("handler_end", [0, wakeups, 0, 3, requests % 2])
    pass(200)
    event("loop_wait", [0, wakeups + 1, .max])
  }

  // MARK: Bytes

  private mutating func event(_ name: String, texts: [String] = [], _ fields: [UInt64]) {
    guard let number = Self.numbers[name] else { preconditionFailure("no event \(name)") }
    if packet.isEmpty { packetBegin = now }
    withUnsafeBytes(of: number.littleEndian) { packet += $0 }
    withUnsafeBytes(of: now.littleEndian) { packet += $0 }
    let before = texts.isEmpty ? fields.count : Self.declarations[Int(number)].before
    fields[..<before].withUnsafeBytes { packet += $0 }
    for text in texts { packet += words(text) }
    fields[before...].withUnsafeBytes { packet += $0 }
    if packet.count >= Self.packetSize { closePacket() }
  }

  private mutating func closePacket() {
    guard !packet.isEmpty else { return }
    let bits = UInt64(packet.count + 4 * 8) * 8
    [packetBegin, now, bits, bits].withUnsafeBytes { bytes += $0 }
    bytes += packet
    packet.removeAll(keepingCapacity: true)
  }

  /// Its metadata in TSDL.
  private static var metadata: String {
    let events = declarations.enumerated().map { number, event in
      let fields = event.fields.enumerated().map { place, field in
        let isText = place >= event.before && place < event.before + event.texts
        return "\(isText ? "string" : "u64") _\(field);"
      }
      return """
        event { name = "exeunt:\(event.name)"; id = \(number); stream_id = 0;
          fields := struct { \(fields.joined(separator: " ")) }; };
        """
    }
    return """
      /* CTF 1.8 */
      typealias integer { size = 16; align = 8; signed = false; } := u16;
      typealias integer { size = 64; align = 8; signed = false; } := u64;
      trace { major = 1; minor = 8; byte_order = le; };
      clock { name = monotonic; freq = 1000000000; };
      typealias integer { size = 64; align = 8; signed = false; map = clock.monotonic.value; } := t64;
      stream { id = 0;
        packet.context := struct { t64 timestamp_begin; t64 timestamp_end; u64 content_size; u64 packet_size; };
        event.header := struct { u16 id; t64 timestamp; }; };

      """ + events.joined(separator: "\n") + "\n"
  }
}
