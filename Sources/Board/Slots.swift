/// The board, written down once. A new device is one more entry here, and what `DeviceSet` makes of its kind.
extension BoardLayout {
  static func slots(_ options: BoardOptions, _ threads: ThreadModel) -> [Slot] {
    var slots: [Slot] = []
    var serial = Slot(1, "serial0", .serial, [.ports(0x3f8, 8)], line: 4)
    serial.firmware = FirmwareEntry(name: "COM1", hardwareID: .eisa("PNP0501"), uniqueID: 0)
    slots.append(serial)
    for index in 0..<options.doorbells { slots.append(doorbell(index, threads)) }
    var scratch = Slot(3, "scratch0", .scratch, [.ports(0x590, 8), .memory(0xd000_1000, 0x1000, window: 1)])
    scratch.coalesced = [.ports(0x590, 8), .memory(0xd000_1000, 8, window: 1)]
    slots += [
      scratch,
      lockless(Slot(4, "marker", .marker, [.ports(0x580, 4)])),
      keyboard(options),
      Slot(15, "reset-control", .resetControl, [.ports(0xcf9, 1), .ports(0x92, 1, window: 1)]),
      lockless(Slot(6, "debug-exit", .debugExit, options.debugExitPorts.map { .ports($0, 4) })),
      Slot(7, "power-off", .powerOff, [.ports(0x604, 2)]),
    ]
    var clock = Slot(9, "rtc", .clock, [.ports(0x70, 2)], line: 8)
    clock.firmware = FirmwareEntry(name: "RTC0", hardwareID: .eisa("PNP0B00"))
    // The index alone: 16 bits are a register's value as well.
    clock.coalesced = [.ports(0x70, 1)]
    var firmware = Slot(13, "fw-cfg", .firmwareConfiguration, [.ports(0x510, 2)])
    firmware.coalesced = [.ports(0x510, 2)]
    slots += [
      clock,
      Slot(11, "pm-events", .powerEvents, [.ports(0x600, 4)]),
      // The second place is the PIIX4's by default: kvm-unit-tests' vmexit does not ask.
      lockless(Slot(10, "pm-timer", .powerTimer, [.ports(0x608, 4), .ports(0xb008, 4)])),
      Slot(12, "elcr", .edgeLevels, [.ports(0x4d0, 2)]),
      firmware,
      testDevice(options),
    ]
    if options.debugConsole {
      slots.append(
        Slot(34, "debugcon", .debugConsole, BoardOptions.debugConsolePorts.map { .ports($0, 1) }))
    }
    for (index, service) in options.disks.enumerated() { slots.append(disk(index, service, threads)) }
    for (index, service) in options.networks.enumerated() { slots.append(network(index, service, threads)) }
    if let service = options.entropy {
      let slot = Slot(23, "rng0", .entropy, [.memory(0xd011_0000, 0x1000)], line: 13)
      slots.append(
        virtio(slot, "RNG0", 16, queues: service.queues, service) {
          service.loop(ofQueue: $0, device: 0, threads)
        })
    }
    if let service = options.console {
      let slot = Slot(24, "console0", .console, [.memory(0xd011_1000, 0x1000)], line: 7)
      // Two queues for each port, and two for what is said about them; one loop waits for all peers.
      slots.append(
        virtio(slot, "CON0", 17, queues: 2 * (service.queues + 1), service) { _ in
          service.loop(ofQueue: 0, device: 0, threads)
        })
    }
    if options.interruptController == .split { slots.append(Slot(8, "ioapic", .ioapic, [ioapic])) }
    for index in slots.indices {
      switch options.locks {
      case .device: break
      case .global: slots[index].lock = globalLock
      case .noneNeeded:
        if slots[index].isOfOneThread(options, threads) { slots[index].lock = nil }
      }
    }
    return slots
  }

  private static func testDevice(_ options: BoardOptions) -> Slot {
    // The debug console has a port in the register's second place.
    let register: [AddressRange] =
      options.debugConsole ? [.ports(0xe0, 8)] : [.ports(0xe0, 16)]
    return Slot(
      14, "testdev", .testDevice,
      register + [
        .ports(0x2000, UInt64(BoardLayout.lineCount), window: 1), .memory(0xff00_0000, 0x1_0000, window: 2),
      ])
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
    let slot = Slot(
      disks[index].id, "disk\(index)", .disk, [.memory(0xd010_0000 + 0x1000 * UInt64(index), 0x1000)],
      line: disks[index].line)
    return virtio(slot, "DSK\(index)", UInt64(index), queues: service.queues, service) {
      // As if one doorbell came before them: how many there are does not move disks.
      service.loop(ofQueue: $0, device: 1 + index, threads)
    }
  }

  /// The keyboard controller. The first network interface has its line where there is one: then it is asked without interrupts, and
  /// firmware does not tell of it, so that no system shares the line with it.
  private static func keyboard(_ options: BoardOptions) -> Slot {
    let ranges: [AddressRange] = [.ports(0x60, 1), .ports(0x64, 1, window: 1)]
    guard options.networks.isEmpty else { return Slot(5, "i8042", .keyboard, ranges) }
    var slot = Slot(5, "i8042", .keyboard, ranges, line: networks[0].line)
    slot.firmware = FirmwareEntry(name: "KBD0", hardwareID: .eisa("PNP0303"))
    return slot
  }

  // The first has the keyboard's; the others those of doorbells, from the last on.
  private static let networks: [(id: UInt16, line: UInt32)] = [(30, 1), (31, 12), (32, 11), (33, 10)]

  private static func network(_ index: Int, _ service: QueueService, _ threads: ThreadModel) -> Slot {
    let slot = Slot(
      networks[index].id, "net\(index)", .network, [.memory(0xd020_0000 + 0x1000 * UInt64(index), 0x1000)],
      line: networks[index].line)
    // With several pairs, behind them the queue by which their number is changed (virtio 1.2, section 5.1.2).
    let pairs = UInt16(service.queues)
    return virtio(
      slot, "NET\(index)", 20 + UInt64(index), queues: Int(pairs > 1 ? 2 * pairs + 1 : 2), service
    ) {
      // Behind the disks, however many there are.
      service.loop(ofQueue: $0 / 2 % pairs, device: 1 + BoardOptions.maximumDisks + index, threads)
    }
  }

  /// A virtio device: kicks at one register, and its place known to drivers.
  ///
  /// - Parameters:
  ///   - unique: the firmware's number of it; those of disks come before.
  ///   - loop: of each queue. What is no queue's is served by the first one's.
  private static func virtio(
    _ slot: Slot, _ name: String, _ unique: UInt64, queues: Int, _ service: QueueService,
    loop: (UInt16) -> Int
  ) -> Slot {
    var slot = slot
    slot.kicks = (0..<UInt16(queues)).map { queue in
      Kick(
        queue: queue,
        addresses: [.init(space: .memory, address: slot.ranges[0].start + UInt64(queueNotify))],
        offset: queueNotify, size: 4, value: UInt64(queue), loop: loop(queue))
    }
    slot.loop = slot.kicks[0].loop
    slot.kicksExit = service.kicksExit
    slot.interruptsByIoctl = service.interruptsByIoctl
    // What Linux's driver of virtio behind memory-mapped registers knows them by.
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

extension Slot {
  /// Whether one thread alone runs the device's code.
  fileprivate func isOfOneThread(_ options: BoardOptions, _ threads: ThreadModel) -> Bool {
    guard threads.vcpus == 1 else { return false }
    if threads.isSingle { return true }
    return switch kind {
    // A loop collects what they wait for, whoever handles their kicks.
    case .serial, .clock, .disk, .network, .entropy, .console: false
    case .doorbell: kicksExit || options.kicksExit
    case .scratch, .marker, .keyboard, .resetControl, .debugExit, .debugConsole, .powerOff, .powerTimer,
      .powerEvents,
      .edgeLevels,
      .firmwareConfiguration, .testDevice, .ioapic:
      true
    }
  }
}
