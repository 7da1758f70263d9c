import Devices
import GuestPrograms
import GuestRAM
import Testing
import Virtio

@testable import Board

@Suite("The board's layout") struct BoardLayoutTests {
  /// Every configuration of the board, with few and with most threads.
  private static let all: [BoardOptions] = {
    var all: [BoardOptions] = []
    for controller in BoardOptions.InterruptController.allCases {
      for doorbells in 1...BoardOptions.maximumDoorbells {
        for loops in [1, 2, 3, 5, 16, BoardOptions.maximumLoops] {
          for vcpus in [1, 2, BoardOptions.maximumVcpus] {
            let ports = (doorbells * loops + vcpus) % (BoardOptions.maximumConsolePorts + 1)
            all.append(
              BoardOptions(
                vcpus: vcpus, interruptController: controller, doorbells: doorbells,
                disks: Array(
                  repeating: QueueService(queues: loops == 5 ? 16 : loops % 3 + 1),
                  count: (doorbells + loops + vcpus) % (BoardOptions.maximumDisks + 1)),
                networks: Array(
                  repeating: QueueService(queues: (loops + vcpus) % BoardOptions.maximumQueuePairs + 1),
                  count: min((loops + vcpus) % 5, BoardOptions.maximumDoorbells + 1 - doorbells)),
                entropy: (loops + vcpus) % 2 == 0 ? QueueService() : nil,
                console: ports == 0 ? nil : QueueService(queues: ports),
                locks: vcpus == 2 ? .global : .device,
                loops: loops))
          }
        }
      }
    }
    return all
  }()

  @Test("Whatever is configured: numbers, names, lines and addresses belong to one device each")
  func unique() throws {
    for options in Self.all {
      let layout = try BoardLayout(options)
      #expect(Set(layout.slots.map(\.id)).count == layout.slots.count)
      #expect(Set(layout.slots.map(\.name)).count == layout.slots.count)
      let lines = layout.slots.compactMap(\.line)
      #expect(Set(lines).count == lines.count)
      #expect(lines.allSatisfy { line in !layout.slots.contains { $0.queueLines?.contains(line) == true } })
      var owners: [AddressSpace: [UInt64: String]] = [:]
      for slot in layout.slots {
        for range in slot.ranges {
          // Address by address, where the layout compares bounds.
          for address in range.start..<range.start + range.length {
            let other = owners[range.space, default: [:]].updateValue(slot.name, forKey: address)
            // An expectation costs more than what it looks at here, and there are very many addresses.
            if let other { Issue.record("\(range.space) \(address): \(other) and \(slot.name)") }
          }
        }
      }
      #expect(layout.slots(of: .doorbell).count == options.doorbells)
      #expect(layout.slots(of: .disk).count == options.disks.count)
      #expect(layout.slots(of: .entropy).count == (options.entropy == nil ? 0 : 1))
      let console = layout.slots(of: .console)
      #expect(console.map(\.kicks.count) == (options.console.map { [2 * $0.queues + 2] } ?? []))
      #expect(
        layout.slots(of: .network).map(\.kicks.count)
          == options.networks.map { $0.queues == 1 ? 2 : 2 * $0.queues + 1 })
      #expect(layout.slots(of: .ioapic).count == (options.interruptController == .split ? 1 : 0))
    }
  }

  @Test("Every queue has a loop that is there, each place kicks one queue, and loops share the queues")
  func kicks() throws {
    for options in Self.all {
      let layout = try BoardLayout(options)
      var places: Set<String> = []
      for slot in layout.slots {
        #expect(slot.loop < options.loops)
        #expect(
          options.locks == .global
            ? slot.lock == BoardLayout.globalLock : slot.lock == nil || slot.lock == slot.id)
        for kick in slot.kicks {
          #expect(kick.loop < options.loops)
          for place in kick.addresses {
            #expect(places.insert("\(place.space) \(place.address) \(kick.value)").inserted)
            let range = slot.ranges.first { $0.space == place.space }
            #expect(range.map { $0.start + UInt64(kick.offset) } == place.address)
          }
        }
      }
      for (index, slot) in layout.slots(of: .doorbell).enumerated() {
        #expect(slot.kicks.map(\.loop) == (0..<16).map { ($0 + index) % options.loops })
      }
      for (index, slot) in layout.slots(of: .disk).enumerated() {
        #expect(
          slot.kicks.map(\.loop)
            == (0..<options.disks[index].queues).map { (1 + index + $0) % options.loops })
        #expect(slot.loop == slot.kicks[0].loop)
      }
      let loops = layout.slots(of: .doorbell).flatMap(\.kicks).map(\.loop)
      #expect(Set(loops).count == min(options.loops, 16 + options.doorbells - 1))
    }
  }

  @Test("Locks that are not needed: those of devices whose code one thread alone runs")
  func locks() throws {
    func locked(_ change: (inout BoardOptions) -> Void) throws -> Set<String> {
      var options = BoardOptions(
        doorbells: 2, disks: [QueueService(kicksExit: true)], entropy: QueueService(),
        console: QueueService(),
        locks: .noneNeeded)
      change(&options)
      return Set(try BoardLayout(options).slots.filter { $0.lock != nil }.map(\.name))
    }
    let served: Set = ["serial0", "rtc", "disk0", "rng0", "console0"]
    let kicked: Set = ["doorbell0", "doorbell1"]
    #expect(try locked { _ in } == served.union(kicked))
    #expect(try locked { $0.kicksExit = true } == served)
    #expect(try locked { $0.threadModel = .single } == [])
    // With two vCPUs as without the option.
    let two = try locked { $0.vcpus = 2 }
    #expect(
      try two
        == locked {
          $0.vcpus = 2
          $0.locks = .device
        })
    #expect(two.isSuperset(of: served.union(kicked)) && two.contains("scratch0"))
  }

  @Test("Writes are coalesced to a device's own registers only, and never to a kick")
  func coalesced() throws {
    for options in Self.all {
      for slot in try BoardLayout(options).slots {
        // A device with queues has work to do, and one with a line something to tell.
        #expect(slot.coalesced.isEmpty || slot.kicks.isEmpty, "\(slot.name)")
        #expect(slot.coalesced.isEmpty || ["scratch0", "rtc", "fw-cfg"].contains(slot.name))
      }
    }
    let layout = try BoardLayout(BoardOptions())
    for (range, words) in [
      (AddressRange.ports(0x590, 9), "is not its own"), (.ports(0x58f, 2), "is not its own"),
      (.ports(0x590, 0), "is not its own"), (.memory(0x590, 1), "is not its own"),
      (.ports(.max, 2), "is not its own"), (.ports(0xd00, 1), "a kick must not be late"),
    ] {
      var slots = layout.slots
      let name = range.start == 0xd00 ? "doorbell0" : "scratch0"
      let index = try #require(slots.firstIndex { $0.name == name })
      slots[index].coalesced = [range]
      let error = #expect(throws: BoardError.self) {
        try BoardLayout(BoardOptions(), layout.threads, slots)
      }
      #expect(error?.description.contains(words) == true, "\(range): \(error?.description ?? "")")
    }
  }

  @Test("Named I/O threads serve what is given to them, and nothing else")
  func named() throws {
    let layout = try BoardLayout(
      BoardOptions(
        doorbells: 4,
        disks: [
          QueueService(queues: 3, ioThreads: ["fast", "io1"]), QueueService(queues: 16),
          QueueService(queues: 2, ioThreads: ["io0"], kicksExit: true),
        ], loops: 2, ioThreads: ["io0", "fast", "unused"]))
    // The first is one of the shared ones.
    #expect(layout.threads.loopNames == ["io0", "io1", "fast", "unused"])
    #expect(
      layout.slots(of: .disk).map { $0.kicks.map(\.loop) } == [[2, 1, 2], (0..<16).map { $0 % 2 }, [0, 0]])
    #expect(layout.slots(of: .disk).map(\.loop) == [2, 0, 0])
    #expect(layout.slots.filter(\.kicksExit).map(\.name) == ["disk2"])
    for slot in layout.slots where slot.kind != .disk {
      #expect(slot.loop < 2 && slot.kicks.allSatisfy { $0.loop < 2 }, "\(slot.name)")
    }
  }

  @Test("Services that there cannot be")
  func services() {
    for (options, words) in [
      (BoardOptions(disks: [QueueService(queues: 0)]), "disk0: 0 queues; give 1 to 16"),
      (BoardOptions(disks: [QueueService(), QueueService(queues: 17)]), "disk1: 17 queues"),
      (
        BoardOptions(disks: [QueueService(ioThreads: ["io1"])]),
        "no I/O thread 'io1'; there is io0 (--object"
      ),
      (BoardOptions(disks: [QueueService(ioThreads: ["io0", "io0"])]), "2 I/O threads for 1 queue;"),
      (BoardOptions(ioThreads: ["a", "b", "a"]), "two I/O threads are called a"),
      (BoardOptions(vcpus: 3, ioThreads: ["vcpu2"]), "called vcpu2, like a vCPU's"),
      (BoardOptions(ioThreads: ["a", "input"]), "called input, like another thread"),
      (BoardOptions(ioThreads: ["disk0-3"]), "called disk0-3, like another thread"),
      (BoardOptions(loops: 60, ioThreads: ["a", "b", "c", "d", "e"]), "give up to 64 in all"),
    ] {
      let error = #expect(throws: BoardError.self) { try BoardLayout(options) }
      #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
    }
  }

  @Test("Another doorbell changes nothing of what was there")
  func nested() throws {
    for options in Self.all where options.doorbells > 1 {
      var fewer = options
      fewer.doorbells -= 1
      let (more, less) = (try BoardLayout(options).slots, try BoardLayout(fewer).slots)
      #expect(more.filter { $0.name != "doorbell\(fewer.doorbells)" } == less)
    }
  }

  @Test("Another disk changes nothing of what was there")
  func nestedDisks() throws {
    for options in Self.all where !options.disks.isEmpty {
      var fewer = options
      fewer.disks.removeLast()
      let (more, less) = (try BoardLayout(options).slots, try BoardLayout(fewer).slots)
      #expect(more.filter { $0.name != "disk\(fewer.disks.count)" } == less)
    }
  }

  @Test("What the devices' own numbers say is what stands here")
  func devices() throws {
    let layout = try BoardLayout(
      BoardOptions(
        interruptController: .split, doorbells: 4, disks: Array(repeating: QueueService(), count: 4)))
    for slot in layout.slots(of: .doorbell) {
      #expect(slot.kicks.map(\.queue) == (0..<UInt16(Doorbell.queueCount)).map { $0 })
      #expect(slot.kicks.allSatisfy { $0.offset == Doorbell.kickOffset && $0.value == UInt64($0.queue) })
    }
    for slot in layout.slots(of: .disk) {
      #expect(slot.ranges.map(\.length) == [MMIOTransport.registerBytes])
      #expect(slot.kicks.map(\.offset) == [MMIOTransport.kickOffset])
    }
    #expect(layout.slot(.keyboard).ranges[1].window == KeyboardController.commandWindow)
    #expect(layout.slot(.resetControl).ranges[1].window == ResetControl.portAWindow)
    #expect(layout.slot(.testDevice).ranges[1].window == TestDevice.linesWindow)
    #expect(layout.slot(.testDevice).ranges[1].length == UInt64(TestDevice.lineCount))
    #expect(GuestRequirements.maximumDoorbells == BoardOptions.maximumDoorbells)
    #expect(
      layout.slots(of: .doorbell).allSatisfy { $0.queueLines?.count == GuestRequirements.queueLines })
    #expect(BoardLayout.lineCount == UInt32(IOAPIC.lineCount))
    #expect(BoardLayout.deviceMemory == RAMLayout.lowLimit..<RAMLayout.highStart)
  }

  // MARK: What is refused

  private func refusal(
    _ options: BoardOptions = BoardOptions(loops: 2), _ change: (inout [Slot]) -> Void
  ) throws -> String? {
    let threads = ThreadModel(vcpus: options.vcpus, loops: options.loops)
    var slots = BoardLayout.slots(options, threads)
    change(&slots)
    do {
      _ = try BoardLayout(options, threads, slots)
      return nil
    } catch {
      return error.description
    }
  }

  @Test("Numbers out of range")
  func numbers() {
    for wrong in [Int.min, -1, 0] {
      #expect(throws: BoardError("--doorbells \(wrong): give 1 to 4")) {
        try BoardLayout(BoardOptions(doorbells: wrong))
      }
      #expect(throws: BoardError("--cpus \(wrong): give 1 to 1024")) {
        try BoardLayout(BoardOptions(vcpus: wrong))
      }
      #expect(throws: BoardError("--iothreads \(wrong): give 1 to 64")) {
        try BoardLayout(BoardOptions(loops: wrong))
      }
    }
    #expect(throws: BoardError("5 disks: give up to 4")) {
      try BoardLayout(BoardOptions(disks: Array(repeating: QueueService(), count: 5)))
    }
    #expect(throws: BoardError.self) { try BoardLayout(BoardOptions(doorbells: 5)) }
    #expect(throws: BoardError.self) { try BoardLayout(BoardOptions(vcpus: .max)) }
    #expect(throws: BoardError.self) { try BoardLayout(BoardOptions(loops: 65)) }
  }

  @Test("Two devices with one number, name, line or address")
  func clashes() throws {
    #expect(try refusal { _ in } == nil)
    #expect(
      try refusal { $0.append(Slot(2, "other", .scratch, [])) }
        == "doorbell0 and other both have the number 2; give another")
    #expect(try refusal { $0.append(Slot(0, "other", .scratch, [])) }?.contains("above 0") == true)
    #expect(
      try refusal { $0.append(Slot(99, "rtc", .scratch, [])) }
        == "devices 9 and 99 are both called rtc; give another name")
    #expect(
      try refusal { $0.append(Slot(99, "other", .scratch, [.ports(0xe7f, 1)])) }
        == "addresses clash: doorbell0 has port 0xd00–0xe7f, other has port 0xe7f–0xe7f; move one of them")
    // Right beside it there is room.
    #expect(
      try refusal { $0.append(Slot(99, "other", .scratch, [.ports(0xe80, 1), .ports(0xcff, 1)])) } == nil)
    #expect(
      try refusal { $0.append(Slot(99, "other", .scratch, [.ports(0x1000, 8), .ports(0x1004, 1)])) }?
        .contains("clash") == true, "a device with itself")
    #expect(
      try refusal { $0.append(Slot(99, "other", .scratch, [], line: 5)) }
        == "doorbell0 and other both have interrupt line 5; give one of them another")
    #expect(
      try refusal { $0.append(Slot(99, "other", .scratch, [], line: 9)) }?.contains("power management")
        == true)
    #expect(
      try refusal { $0.append(Slot(99, "other", .scratch, [], line: 24)) }?.contains("no line 24") == true)
    #expect(
      try refusal { $0.append(Slot(99, "other", .scratch, [], line: 16)) }
        == "queues of doorbell0 may have interrupt line 16, which other has")
  }

  @Test("Addresses that are not there, that may be RAM, or that others have")
  func addresses() throws {
    func refused(_ range: AddressRange, _ options: BoardOptions = BoardOptions()) throws -> String {
      try refusal(options) { $0.append(Slot(99, "other", .scratch, [range])) } ?? "taken"
    }
    for range: AddressRange in [
      .ports(0x3000, 0), .ports(0x1_0000, 1), .ports(0xffff, 2), .memory(1 << 52, 1), .memory(.max, 1),
      .memory(0xd010_0000, .max), .ports(.max, .max),
    ] { #expect(try refused(range).contains("are not there"), "\(range)") }
    for range: AddressRange in [.memory(0, 1), .memory(3 << 30 - 1, 2), .memory(4 << 30 - 1, 2)] {
      #expect(try refused(range).contains("may be RAM"), "\(range)")
    }
    #expect(try refused(.memory(0xfee0_0fff, 1)).contains("the local APICs"))
    #expect(try refused(.memory(0xfeff_bfff, 2)).contains("KVM's own pages"))
    #expect(try refused(.memory(0xfec0_0000, 1)).contains("the I/O APIC"))
    #expect(
      try refused(.memory(0xfec0_0000, 1), BoardOptions(interruptController: .split)).contains("ioapic"))
    #expect(try refused(.ports(0xffff, 1)) == "taken")
    #expect(try refused(.memory(4 << 30 - 1, 1)) == "taken")
  }

  @Test("Loops and kicks that lead nowhere")
  func service() throws {
    #expect(try refusal { $0[0].loop = 2 } == "serial0: there is no event loop 2")
    func kick(_ address: UInt64, offset: UInt32, value: UInt64 = 99, loop: Int = 0) -> Kick {
      Kick(
        queue: 99, addresses: [.init(space: .port, address: address)], offset: offset, size: 4, value: value,
        loop: loop)
    }
    #expect(
      try refusal { $0[1].kicks.append(kick(0xd00, offset: 0, loop: 2)) }?.contains("no event loop 2") == true
    )
    for (address, offset) in [(0xcff, 0), (0xe80, 0x180), (0xe7d, 0x17d), (0xd04, 0), (0x3f8, 0)]
      as [(UInt64, UInt32)]
    {
      #expect(
        try refusal { $0[1].kicks.append(kick(address, offset: offset)) }?.contains("not its own") == true,
        "\(address)")
    }
    #expect(try refusal { $0[1].kicks.append(kick(0xd04, offset: 4, value: 3)) } == nil)
    #expect(
      try refusal { $0[1].kicks.append(kick(0xd00, offset: 0, value: 3)) }?.contains("kicks two queues")
        == true)
  }
}
