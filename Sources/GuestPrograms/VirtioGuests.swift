import CGuestPrograms
import CVirtioGuests

/// Guests with a virtio driver of their own.
extension GuestProgram {
  /// Bytes of the scratch disk that a guest gets where none is given: as much as it can be told to use.
  package static let scratchDiskBytes = RequestArguments.maximumPlaces * 65536

  static let blk = GuestProgram(
    name: "blk",
    summary: "disk requests through virtio: a mix of reads, writes and flushes that checks its data",
    detail: """
      Writes `places` of `size` bytes each at the beginning of disk0, then makes `iterations` reads and writes among \
      them, up to `depth` at once. Each sector that is written has its number and how often it was written at both \
      ends; what is read has to be what was written last. After every `flush` writes it waits until all requests \
      are completed, asks for a flush and waits for that; of a disk without a cache (cache=writethrough, directsync) there is nothing \
      to ask for, as its writes are durable when they complete. It kicks after `batch` requests, or when it has to wait, \
      where the device asks for a kick; it waits by polling the ring in memory or halted until the interrupt. Without --disk it has a \
      scratch disk that vanishes with the run; with --disk FILE it overwrites the file's beginning. Fails when a \
      request is lost, comes back twice or with an error, when a sector is not the one that was written, and when an \
      interrupt does not come within 30 s.
      """,
    mode: .long,
    parameters: [
      .iterations(10_000, "reads and writes, beside one write for each place"), .requestSize, .depth,
      .deviceQueues, .requestBatch, .reads, .flush, .order, .places, .wait, .announce, .spacing,
    ],
    requirements: GuestRequirements(virtio: .disk),
    phases: [
      GuestPhase(mark: 1, meaning: "every place is written once"),
      GuestPhase(mark: 2, meaning: "reads, writes and flushes"),
      GuestPhase(mark: 0, meaning: "done"),
    ],
    locate: exeunt_guest_image_blk,
    expect: { arguments, machine in
      var expectation = GuestExpectation.powerOff
      expectation.iterations = arguments.iterations
      for mark: UInt32 in [1, 2, 0] { expectation.mark(mark) }
      expectation.disk(arguments, machine)
      return expectation
    })
}

extension GuestProgram {
  static let rng = GuestProgram(
    name: "rng",
    summary: "random bytes through virtio: short requests that only the device's side makes long",
    detail: """
      Asks the entropy device for `size` bytes, `iterations` times, with up to `depth` requests at once. It kicks after \
      `batch` requests, or when it has to wait, where the device asks for a kick. Without --device virtio-rng-device \
      it brings one. Fails when a request is lost, or comes back empty or longer than asked; when bytes are missing, \
      written behind the end, or repeated; when a bit is the same in all of 64 words or more; and when an interrupt \
      does not come within 30 s.
      """,
    mode: .long,
    parameters: [.iterations(10_000, "requests"), .answerSize, .depth, .requestBatch, .wait, .spacing],
    requirements: GuestRequirements(virtio: .entropy),
    phases: [GuestPhase(mark: 1, meaning: "requests"), GuestPhase(mark: 0, meaning: "done")],
    locate: exeunt_guest_image_rng,
    expect: { arguments, machine in
      var expectation = GuestExpectation.powerOff
      expectation.iterations = arguments.iterations
      for mark: UInt32 in [1, 0] { expectation.mark(mark) }
      expectation.entropy(arguments, machine)
      return expectation
    })
}

extension GuestProgram {
  static let net = GuestProgram(
    name: "net",
    summary: "packets through virtio: answers ARP, pings and datagrams",
    detail: """
      Has the address `address` on the network interface net0, and answers who asks for it (ARP), pings, and datagrams \
      (UDP), which go back from the port that they came to. The packet that comes is the one that goes back. Ends after \
      `iterations` answers to pings and datagrams; until then it waits for packets, for ever. Has no other host's address, \
      sends nothing that it was not asked for, and passes over fragments. There are `depth` packets on their way at once \
      at the most. Fails when a packet is lost between device and guest, or comes back twice or with an error; when a \
      checksum is wrong, or the device says what it was not asked for; and when an interrupt does not come within 30 s.
      """,
    mode: .long,
    parameters: [
      .iterations(10_000, "answers to pings and datagrams"), .address, .packets, .requestBatch, .wait,
      .spacing,
    ],
    requirements: GuestRequirements(virtio: .network),
    phases: [GuestPhase(mark: 1, meaning: "answers"), GuestPhase(mark: 0, meaning: "done")],
    locate: exeunt_guest_image_net,
    expect: { arguments, machine in
      var expectation = GuestExpectation.powerOff
      expectation.iterations = arguments.iterations
      for mark: UInt32 in [1, 0] { expectation.mark(mark) }
      expectation.network(arguments, machine)
      return expectation
    })

  static let console = GuestProgram(
    name: "console",
    summary: "data over two ports of a virtio console, checked as they come back",
    detail: """
      Writes `size` bytes to port 0 (hvc0) and port 1 in turn, `iterations` times, with up to `depth` writes under way, \
      and expects all of it to come back whole and in order, over the same port or the other. Without --device \
      virtio-serial-device the two ports lead to each other; with it, it waits until both have a peer, which has to send \
      back what it gets. It kicks after `batch` requests, or when it has to wait, where the device asks for a kick. Fails \
      when a request is lost, or comes back twice or with an error; when bytes are missing, altered, or written behind the \
      end; when a peer leaves; and when an interrupt does not come within 30 s.
      """,
    mode: .long,
    parameters: [.iterations(10_000, "writes"), .answerSize, .depth, .requestBatch, .wait, .spacing],
    requirements: GuestRequirements(virtio: .console),
    phases: [
      GuestPhase(mark: 1, meaning: "ports are made known and opened"),
      GuestPhase(mark: 2, meaning: "data over both ports"), GuestPhase(mark: 0, meaning: "done"),
    ],
    locate: exeunt_guest_image_console,
    expect: { arguments, machine in
      var expectation = GuestExpectation.powerOff
      expectation.iterations = arguments.iterations
      for mark: UInt32 in [1, 2, 0] { expectation.mark(mark) }
      expectation.console(arguments, machine)
      return expectation
    })
}

extension GuestParameter {
  static let address = GuestParameter(
    name: .address, meaning: "the Internet address that it has", values: .address, defaultValue: "10.0.2.15")

  static let packets = GuestParameter(
    name: .depth, meaning: "packets on their way at once", values: .number(1...RequestArguments.maximumDepth),
    defaultValue: "32")

  static let answerSize = GuestParameter(
    name: .size, meaning: "bytes of a request", values: .choice((3...12).map { "\(1 << $0)" }),
    defaultValue: "64")

  static let requestSize = GuestParameter(
    name: .size, meaning: "bytes of a read or write",
    values: .choice((9...16).map { "\(1 << $0)" }), defaultValue: "4096")

  static let depth = GuestParameter(
    name: .depth, meaning: "requests under way at once", values: .number(1...RequestArguments.maximumDepth),
    defaultValue: "1")

  static let deviceQueues = GuestParameter(
    name: .queues, meaning: "queues of the disk, to which requests go in turn",
    values: .number(1...RequestArguments.maximumQueues), defaultValue: "1")

  static let requestBatch = GuestParameter(
    name: .batch, meaning: "requests for each kick", values: .number(1...RequestArguments.maximumDepth),
    defaultValue: "1")

  static let reads = GuestParameter(
    name: .reads, meaning: "how many of a hundred requests read; the others write", values: .number(0...100),
    defaultValue: "50")

  static let flush = GuestParameter(
    name: .flush, meaning: "a flush after so many writes; 0: none", values: .number(0...1_000_000),
    defaultValue: "32")

  static let order = GuestParameter(
    name: .order, meaning: "places one after the other, or here and there",
    values: .choice(RequestArguments.Order.allCases.map(\.rawValue)), defaultValue: "sequential")

  static let places = GuestParameter(
    name: .places, meaning: "places of one request each that are read and written",
    values: .number(1...RequestArguments.maximumPlaces), defaultValue: "256")

  static let announce = GuestParameter(
    name: .announce, meaning: "what is told over the serial port: flushes, a full stop for each",
    values: .choice(RequestArguments.Announcement.allCases.map(\.rawValue)), defaultValue: "nothing")
}

/// What the routines of Sources/CVirtioGuests add to an expectation.
extension GuestExpectation {
  /// blk.c.
  mutating func disk(_ arguments: GuestArguments, _ machine: GuestMachine) {
    guard let device = machine.disk else { return }
    let requests = arguments.requests
    openVirtio(device)
    readVirtioConfiguration(device)
    if requests.queues > 1 {
      access(GuestAccess(.memory, .in, UInt64(device.registers) + 0x122, size: 2))
    }
    for _ in 0..<requests.queues { openVirtioQueue(device) }
    if arguments.wait == .interrupt { enableInterrupts(machine) }
    closeVirtio(device)

    diskRequests.reads = arguments.iterations * UInt64(requests.reads) / 100
    let writes = arguments.iterations - diskRequests.reads
    diskRequests.writes = UInt64(requests.places) + writes
    let flushes = requests.flush == 0 ? 0 : writes / UInt64(requests.flush)
    diskRequests.flushes = device.hasCache ? flushes : 0
    if requests.announcement == .flushes {
      text = Array(".".utf8)
      serialBytes = flushes
      access(GuestAccess(.port, .out, 0x3f8, size: 1), times: serialBytes)
    }
    request(diskRequests.total, device, arguments)
  }

  /// rng.c.
  mutating func entropy(_ arguments: GuestArguments, _ machine: GuestMachine) {
    guard let device = machine.entropy else { return }
    openVirtio(device)
    openVirtioQueue(device)
    if arguments.wait == .interrupt { enableInterrupts(machine) }
    closeVirtio(device)
    entropyRequests = arguments.iterations
    request(entropyRequests, device, arguments)
  }

  /// net.c. Who sends it what is not the guest's doing, beside what it waits for.
  mutating func network(_ arguments: GuestArguments, _ machine: GuestMachine) {
    guard let device = machine.network else { return }
    openVirtio(device)
    for byte: UInt64 in 0..<6 {
      access(GuestAccess(.memory, .in, UInt64(device.registers) + 0x100 + byte, size: 1))
    }
    for _ in 0..<2 { openVirtioQueue(device) }
    if arguments.wait == .interrupt { enableInterrupts(machine) }
    closeVirtio(device)
    received = arguments.iterations ... .max
    sent = received
    // One at the least for the first buffers, and for the first answer.
    transfer(device, arguments, kicks: 2 ... .max)
  }

  /// console.c. Whether what was written comes back in as many pieces is up to whoever sends it.
  mutating func console(_ arguments: GuestArguments, _ machine: GuestMachine) {
    guard let device = machine.console else { return }
    openVirtio(device)
    virtio(device, .in, 0x104)
    for _ in 0..<6 { openVirtioQueue(device) }
    if arguments.wait == .interrupt { enableInterrupts(machine) }
    closeVirtio(device)
    sent = arguments.iterations...arguments.iterations
    received = arguments.iterations...arguments.iterations * UInt64(arguments.requests.size)
    let ports = min(arguments.iterations, 2)
    // Its buffers for data and for messages, five messages of its own in one kick or more, and data.
    let fewest = 4 + (arguments.requests.depth == 1 ? arguments.iterations : ports)
    transfer(device, arguments, kicks: fewest ... .max)
  }

  private mutating func transfer(
    _ device: GuestDevice, _ arguments: GuestArguments, kicks: ClosedRange<UInt64>
  ) {
    virtioKicks = kicks
    virtioKick = register(device, .out, 0x50)
    guard arguments.wait == .interrupt else { return }
    deviceInterrupts = 1 ... .max
    interruptAccesses = [register(device, .in, 0x60), register(device, .out, 0x64)]
  }

  /// Requests go to the queues in turn. Where only one is under way, each has a kick and an interrupt.
  private mutating func request(_ total: UInt64, _ device: GuestDevice, _ arguments: GuestArguments) {
    let queues = UInt64(arguments.requests.queues)
    virtioQueues = (0..<queues).map { total > $0 ? (total - $0 - 1) / queues + 1 : 0 }
    let fewest = arguments.requests.depth == 1 ? total : 1
    virtioKicks = fewest...total
    virtioKick = register(device, .out, 0x50)
    guard arguments.wait == .interrupt else { return }
    deviceInterrupts = fewest...total
    interruptAccesses = [register(device, .in, 0x60), register(device, .out, 0x64)]
  }

  /// virtio.h: the device is found, and features are agreed on.
  private mutating func openVirtio(_ device: GuestDevice) {
    for offset: UInt32 in [0x00, 0x04, 0x08] { virtio(device, .in, offset) }
    virtio(device, .out, 0x70, times: 4)
    virtio(device, .in, 0x70, times: 2)
    for offset: UInt32 in [0x14, 0x20, 0x24] { virtio(device, .out, offset, times: 2) }
    virtio(device, .in, 0x10, times: 2)
  }

  /// virtio.h: the driver is ready; at the end, the status twice and a reset.
  private mutating func closeVirtio(_ device: GuestDevice) {
    virtio(device, .out, 0x70, times: 2)
    virtio(device, .in, 0x70, times: 2)
  }

  /// virtio.h: a number of 64 bits, between two readings of the configuration's generation.
  private mutating func readVirtioConfiguration(_ device: GuestDevice) {
    virtio(device, .in, 0xfc, times: 2)
    for offset: UInt32 in [0x100, 0x104] { virtio(device, .in, offset) }
  }

  /// virtio.h: the device is told of a queue.
  private mutating func openVirtioQueue(_ device: GuestDevice) {
    for offset: UInt32 in [0x34, 0x44] { virtio(device, .in, offset) }
    for offset: UInt32 in [0x30, 0x38, 0x44, 0x80, 0x84, 0x90, 0x94, 0xa0, 0xa4] {
      virtio(device, .out, offset)
    }
  }

  private mutating func virtio(
    _ device: GuestDevice, _ direction: GuestAccess.Direction, _ offset: UInt32, times: UInt64 = 1
  ) {
    access(register(device, direction, offset), times: times)
  }

  private func register(
    _ device: GuestDevice, _ direction: GuestAccess.Direction, _ offset: UInt32
  ) -> GuestAccess {
    GuestAccess(.memory, direction, UInt64(device.registers) + UInt64(offset), size: 4)
  }
}
