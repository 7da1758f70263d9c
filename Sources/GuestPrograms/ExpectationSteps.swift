/// The steps that guests are made of, as what they add to an expectation. Each mirrors a routine in CGuestPrograms.
extension GuestExpectation {
  /// The expectation of a guest that only powers off.
  static var powerOff: GuestExpectation {
    var expectation = GuestExpectation()
    expectation.access(GuestAccess(.port, .out, 0x604, size: 2))
    return expectation
  }

  /// The line that the serial guests write over and over.
  static let serialText = Array("They have their exits and their entrances\n".utf8)

  mutating func access(_ access: GuestAccess, times: UInt64 = 1) {
    guard times > 0 else { return }
    accesses[access, default: 0] += times
  }

  /// A write to the marker port.
  mutating func mark(_ value: UInt32) {
    marks.append(value)
    access(GuestAccess(.port, .out, 0x580, size: 4))
  }

  /// scratch.h: `times` reads of the scratch device's first register, with `writes` before each.
  mutating func scratch(_ space: GuestAccess.Space, size: UInt8, times: UInt64, writes: UInt64 = 1) {
    let address: UInt64 = space == .port ? 0x590 : 0xd000_1000
    access(GuestAccess(space, .out, address, size: size), times: times * writes)
    access(GuestAccess(space, .in, address, size: size), times: times)
  }

  /// serial.h: the line status is read once a byte, since the transmitter is always free.
  mutating func serial(bytes: UInt64) {
    access(GuestAccess(.port, .in, 0x3fd, size: 1), times: bytes)
    access(GuestAccess(.port, .out, 0x3f8, size: 1), times: bytes)
    serialBytes += bytes
  }

  /// interrupts.h: the doorbell's pin of the I/O APIC is programmed, two registers of two writes each.
  mutating func enableInterrupts(_ machine: GuestMachine) {
    guard machine.interruptController == .split else { return }
    access(GuestAccess(.memory, .out, Self.ioApic, size: 4), times: 2)
    access(GuestAccess(.memory, .out, Self.ioApic + 0x10, size: 4), times: 2)
  }

  /// doorbell.h: identity and number of queues are read.
  mutating func identifyDoorbell(_ window: GuestArguments.Window) {
    accessDoorbell(window, .in, 0x04)
    accessDoorbell(window, .in, 0x08)
  }

  /// doorbell.h: a queue gets its ring.
  mutating func openQueue(_ queue: UInt16, _ window: GuestArguments.Window) {
    for register: UInt64 in [0x40, 0x44, 0x48] {
      accessDoorbell(window, .out, register + 16 * UInt64(queue))
    }
  }

  /// queues.h: a queue is given a line of its own, and that line's pin of the I/O APIC a vCPU.
  mutating func giveLine(_ queue: UInt16, _ window: GuestArguments.Window, _ machine: GuestMachine) {
    accessDoorbell(window, .out, 0x140 + 4 * UInt64(queue))
    enableInterrupts(machine)
  }

  /// doorbell.h: a queue's completions are read.
  mutating func closeQueue(_ queue: UInt16, _ window: GuestArguments.Window) {
    accessDoorbell(window, .in, 0x4c + 16 * UInt64(queue))
  }

  /// doorbell.h: the error counter is read.
  mutating func readDoorbellErrors(_ window: GuestArguments.Window) {
    accessDoorbell(window, .in, 0x0c)
  }

  /// doorbell.h: requests with a kick each; with interrupts, one for at most `batch` of them and one each at most.
  mutating func requests(
    _ count: UInt64, queue: UInt16, _ window: GuestArguments.Window, wait: GuestArguments.Wait = .poll,
    batch: UInt64 = 1
  ) {
    kicks[GuestQueue(doorbell: doorbell, queue), default: 0] += count
    kickAccesses[doorbellAccess(window, .out, 0), default: 0] += count
    guard wait == .interrupt else { return }
    let fewest = deviceInterrupts.lowerBound + (count + batch - 1) / batch
    deviceInterrupts = fewest...deviceInterrupts.upperBound + count
  }

  /// contention.h: every vCPU's scratch accesses and requests; queue 0 is open already.
  mutating func contention(
    vcpus: Int, iterations count: UInt64, pairs: UInt64, _ window: GuestArguments.Window
  ) {
    for queue in 0..<UInt16(vcpus) {
      if queue > 0 { openQueue(queue, window) }
      requests(count, queue: queue, window)
      scratch(window == .port ? .port : .memory, size: 4, times: count * pairs)
      closeQueue(queue, window)
      iterations += count
    }
  }

  private mutating func accessDoorbell(
    _ window: GuestArguments.Window, _ direction: GuestAccess.Direction, _ register: UInt64
  ) {
    access(doorbellAccess(window, direction, register))
  }

  private func doorbellAccess(
    _ window: GuestArguments.Window, _ direction: GuestAccess.Direction, _ register: UInt64
  ) -> GuestAccess {
    switch window {
    case .port: GuestAccess(.port, direction, 0xd00 + 0x200 * UInt64(doorbell) + register, size: 4)
    case .memory: GuestAccess(.memory, direction, 0xd000_0000 + 0x2000 * UInt64(doorbell) + register, size: 4)
    }
  }
}
