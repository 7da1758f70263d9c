/// The board, written down once. A new device is one more entry here, and what `DeviceSet` makes of its kind.
extension BoardLayout {
  static func slots(_ options: BoardOptions, _ threads: ThreadModel) -> [Slot] {
    var slots: [Slot] = []
    var serial = Slot(1, "serial0", .serial, [.ports(0x3f8, 8)], line: 4)
    serial.firmware = FirmwareEntry(name: "COM1", hardwareID: .eisa("PNP0501"), uniqueID: 0)
    slots.append(serial)
    for index in 0..<options.doorbells { slots.append(doorbell(index, threads)) }
    slots += [
      Slot(3, "scratch0", .scratch, [.ports(0x590, 8), .memory(0xd000_1000, 0x1000, window: 1)]),
      lockless(Slot(4, "marker", .marker, [.ports(0x580, 4)])),
      lockless(Slot(5, "i8042", .keyboard, [.ports(0x60, 1), .ports(0x64, 1, window: 1)])),
      Slot(15, "reset-control", .resetControl, [.ports(0xcf9, 1), .ports(0x92, 1, window: 1)]),
      lockless(Slot(6, "debug-exit", .debugExit, [.ports(0xf4, 4)])),
      lockless(Slot(7, "power-off", .powerOff, [.ports(0x604, 2)])),
    ]
    var clock = Slot(9, "rtc", .clock, [.ports(0x70, 2)], line: 8)
    clock.firmware = FirmwareEntry(name: "RTC0", hardwareID: .eisa("PNP0B00"))
    slots += [
      clock,
      Slot(11, "pm-events", .powerEvents, [.ports(0x600, 4)]),
      // The second place is the PIIX4's by default: kvm-unit-tests' vmexit does not ask.
      lockless(Slot(10, "pm-timer", .powerTimer, [.ports(0x608, 4), .ports(0xb008, 4)])),
      Slot(12, "elcr", .edgeLevels, [.ports(0x4d0, 2)]),
      Slot(13, "fw-cfg", .firmwareConfiguration, [.ports(0x510, 2)]),
      Slot(
        14, "testdev", .testDevice,
        [.ports(0xe0, 16), .ports(0x2000, UInt64(BoardLayout.lineCount), window: 1)]),
    ]
    for (index, service) in options.disks.enumerated() { slots.append(disk(index, service, threads)) }
    for index in 0..<options.networks { slots.append(network(index, threads)) }
    if options.entropy {
      slots.append(virtio(Slot(23, "rng0", .entropy, [.memory(0xd011_0000, 0x1000)], line: 13), "RNG0", 16))
    }
    if options.consolePorts > 0 {
      slots.append(
        virtio(
          Slot(24, "console0", .console, [.memory(0xd011_1000, 0x1000)], line: 7), "CON0", 17,
          // Two for each port, and two for what is said about them.
          queues: 2 * (UInt16(options.consolePorts) + 1)))
    }
    if options.interruptController == .split { slots.append(Slot(8, "ioapic", .ioapic, [ioapic])) }
    return slots
  }

  /// A device without state of its own: accesses may overlap.
  private static func lockless(_ slot: Slot) -> Slot {
    var slot = slot
    slot.lock = nil
    return slot
  }

  // The first has the number and the line that it always had; lines 10 to 12 are nobody else's on a PC without ISA cards.
  private static let doorbells: [(id: UInt16, line: UInt32)] = [(2, 5), (16, 10), (17, 11), (18, 12)]
  private static let doorbellQueues: UInt16 = 16

  // Lines that are nobody else's on a PC without ISA cards and ATA.
  private static let disks: [(id: UInt16, line: UInt32)] = [(19, 6), (20, 14), (21, 15), (22, 3)]
  /// The offset of QueueNotify in virtio's registers (virtio 1.2, section 4.2.2).
  private static let queueNotify: UInt32 = 0x50

  private static func disk(_ index: Int, _ service: QueueService, _ threads: ThreadModel) -> Slot {
    let memory: UInt64 = 0xd010_0000 + 0x1000 * UInt64(index)
    var slot = Slot(
      disks[index].id, "disk\(index)", .disk, [.memory(memory, 0x1000)], line: disks[index].line)
    slot.kicks = (0..<UInt16(service.queues)).map { queue in
      Kick(
        queue: queue, addresses: [.init(space: .memory, address: memory + UInt64(queueNotify))],
        offset: queueNotify, size: 4, value: UInt64(queue),
        // As if one doorbell came before them: how many there are does not move disks.
        loop: service.loop(ofQueue: queue, device: 1 + index, threads))
    }
    slot.loop = slot.kicks[0].loop
    slot.kicksExit = service.kicksExit
    // What Linux's driver of virtio behind memory-mapped registers knows them by.
    slot.firmware = FirmwareEntry(
      name: "DSK\(index)", hardwareID: .text("LNRO0005"), uniqueID: UInt64(index))
    return slot
  }

  // A keyboard's, which no such machine has.
  private static let networks: [(id: UInt16, line: UInt32)] = [(30, 1)]

  private static func network(_ index: Int, _ threads: ThreadModel) -> Slot {
    // Behind the disks, however many there are.
    virtio(
      Slot(
        networks[index].id, "net\(index)", .network, [.memory(0xd020_0000 + 0x1000 * UInt64(index), 0x1000)],
        line: networks[index].line),
      "NET\(index)", 20 + UInt64(index), queues: 2,
      loop: threads.loop(ofQueue: 0, device: 1 + BoardOptions.maximumDisks + index))
  }

  /// A virtio device: kicks at one register, and its place known to drivers.
  ///
  /// - Parameter unique: the firmware's number of it; those of disks come before.
  private static func virtio(
    _ slot: Slot, _ name: String, _ unique: UInt64, queues: UInt16 = 1, loop: Int = 0
  ) -> Slot {
    var slot = slot
    slot.loop = loop
    slot.kicks = (0..<queues).map { queue in
      Kick(
        queue: queue,
        addresses: [.init(space: .memory, address: slot.ranges[0].start + UInt64(queueNotify))],
        offset: queueNotify, size: 4, value: UInt64(queue), loop: loop)
    }
    slot.firmware = FirmwareEntry(name: name, hardwareID: .text("LNRO0005"), uniqueID: unique)
    return slot
  }

  private static func doorbell(_ index: Int, _ threads: ThreadModel) -> Slot {
    let ports: UInt64 = 0xd00 + 0x200 * UInt64(index)
    let memory: UInt64 = 0xd000_0000 + 0x2000 * UInt64(index)
    var slot = Slot(
      doorbells[index].id, "doorbell\(index)", .doorbell,
      [.ports(ports, 0x180), .memory(memory, 0x1000, window: 1)], line: doorbells[index].line)
    slot.queueLines = 16...23
    slot.kicks = (0..<doorbellQueues).map { queue in
      Kick(
        queue: queue,
        addresses: [.init(space: .port, address: ports), .init(space: .memory, address: memory)],
        offset: 0, size: 4, value: UInt64(queue), loop: threads.loop(ofQueue: queue, device: index))
    }
    return slot
  }
}
