import Devices
import Glibc
import GuestRAM
import Platform

/// A console with several ports (virtio 1.2, section 5.3), each of which leads to something on the host.
///
/// What the guest sends is taken from a queue only as fast as the port's peer takes it, and what a peer sends is read only
/// into buffers that the guest has given: nothing is kept in between, and a slow side holds back nobody but the other. That a
/// peer leaves is noticed all the same.
package final class ConsoleDevice: VirtioDevice, @unchecked Sendable {
  /// Feature bits (section 5.3.3).
  package enum Feature {
    /// VIRTIO_CONSOLE_F_MULTIPORT.
    package static let multiport: UInt64 = 1 << 1
  }

  /// The most ports.
  package static let maximumPorts = 16
  /// The most entries of each queue.
  package static let queueSize: UInt16 = 128
  /// The driver's buffers for control messages, and its messages.
  static let controlReceiveQueue = 2
  static let controlTransmitQueue = 3
  /// Bytes moved at once.
  private static let pieceLimit = 64 << 10
  /// How long those wait whom the host could not take, nanoseconds.
  static let pause: UInt64 = 100_000_000
  private static let wakeToken = UInt32.max
  private static let pauseToken = UInt32.max - 1

  package let kind: UInt32 = 3
  package let features = Feature.multiport
  package let queueSizes: [UInt16]
  private let id: DeviceID
  private let observer: any DeviceObserver
  private let stamps: KickStamps?
  private let configuration: [UInt8]
  private let poller: Epoll
  private let wake: EventFD
  private let timer: Timer
  // Everything below is accessed under the device's lock.
  private var ports: [ConsolePort]
  private var chain = DescriptorChain()
  private var isMultiport = false

  /// Makes a console.
  ///
  /// - Parameters:
  ///   - ports: each with a number of its own below ``maximumPorts``, and its peer.
  ///   - stamps: where its guest leaves time stamps of what it sends; nil where it leaves none.
  package init(
    id: DeviceID, _ ports: [(ConsolePortDescription, CharacterPeer)], stamps: KickStamps? = nil,
    observer: any DeviceObserver
  ) throws(Errno) {
    self.id = id
    self.stamps = stamps
    self.observer = observer
    self.ports = ports.map { ConsolePort($0.0, $0.1) }
    let count = (ports.map(\.0.number).max() ?? 0) + 1
    precondition(count <= UInt32(ConsoleDevice.maximumPorts))
    queueSizes = [UInt16](repeating: ConsoleDevice.queueSize, count: 2 * (Int(count) + 1))
    // Section 5.3.4: columns, rows (not offered), max_nr_ports.
    configuration = [0, 0, 0, 0] + withUnsafeBytes(of: count.littleEndian, Array.init)
    poller = try Epoll()
    wake = try EventFD()
    timer = try Timer()
    try poller.add(wake.descriptor.raw, for: .input, token: ConsoleDevice.wakeToken)
    try poller.add(timer.descriptor.raw, for: .input, token: ConsoleDevice.pauseToken)
    for index in self.ports.indices { try wait(index) }
  }

  /// The set of all that is waited for, for all queues.
  package var sources: [DeviceSource] {
    [DeviceSource(queues: 0..<queueSizes.count, arrival: poller.descriptor.raw)]
  }

  package func readConfiguration(offset: UInt32, size: Int) -> UInt64 {
    var value: UInt64 = 0
    for index in 0..<size where Int(offset) + index < configuration.count {
      value |= UInt64(configuration[Int(offset) + index]) << (8 * UInt64(index))
    }
    return value
  }

  package func start(features: UInt64) {
    isMultiport = features & Feature.multiport != 0
    // A driver that knows one port only has it open, always (section 5.3.5).
    if !isMultiport {
      for index in ports.indices where ports[index].description.number == 0 {
        ports[index].isOpenInGuest = true
      }
    }
  }

  package func reset(by thread: ThreadContext) {
    for index in ports.indices {
      if ports[index].sending.isHeld { giveUp(index, by: thread) }
      ports[index].receiving.isHeld = false
      ports[index].isOpenInGuest = false
      ports[index].debts = []
      ports[index].mayHaveBuffers = false
      waitAgain(index)
    }
    _ = wake.consume()
    isMultiport = false
  }

  // MARK: Kicks

  package func handle(
    _ queue: inout Virtqueue, index: Int, memory: GuestMemory, by thread: ThreadContext
  ) {
    switch index {
    case ConsoleDevice.controlReceiveQueue: pay(&queue, memory)
    case ConsoleDevice.controlTransmitQueue: listen(&queue, memory)
    default:
      guard let port = ports.firstIndex(where: { $0.description.receiveQueue == index & ~1 }) else {
        return discard(&queue, index, memory)
      }
      if index & 1 == 0 {
        ports[port].mayHaveBuffers = true
        waitAgain(port)
      } else {
        transmit(port, &queue, memory, by: thread)
      }
    }
  }

  package func collect(
    source: Int, _ queues: inout [Virtqueue], memory: GuestMemory, by thread: ThreadContext
  ) {
    let count = (try? poller.wait(timeout: 0)) ?? 0
    var ready: [Int: Readiness] = [:]
    var isWoken = false
    for place in 0..<count {
      let (token, readiness) = poller.ready(at: place)
      switch token {
      case ConsoleDevice.wakeToken: isWoken = wake.consume() > 0
      case ConsoleDevice.pauseToken: endPause()
      default: ready[Int(token)] = readiness
      }
    }
    for index in ports.indices {
      let readiness = ready[index] ?? []
      let port = ports[index].description
      if ports[index].peer.listener != nil {
        if readiness.contains(.input) { accept(index) }
        continue
      }
      if isWoken || readiness.contains(.output) {
        transmit(index, &queues[port.transmitQueue], memory, by: thread)
      }
      if readiness.contains(.input), ports[index].interest.contains(.input) {
        receive(index, &queues[port.receiveQueue], memory, by: thread)
      }
      if readiness.contains(.hangUp), ports[index].interest.contains(.hangUp) { hangUp(index) }
    }
    if isWoken { listen(&queues[ConsoleDevice.controlTransmitQueue], memory) }
    pay(&queues[ConsoleDevice.controlReceiveQueue], memory)
  }

  /// A queue of a port that there is not: what a driver sends there is nobody's.
  private func discard(_ queue: inout Virtqueue, _ index: Int, _ memory: GuestMemory) {
    guard index & 1 == 1 else { return }
    var budget = Int(queue.maximumSize)
    while budget > 0, queue.pop(into: &chain, memory) {
      queue.push(head: chain.head, written: 0, memory)
      budget -= 1
    }
  }

  // MARK: Data

  private func transmit(
    _ index: Int, _ queue: inout Virtqueue, _ memory: GuestMemory, by thread: ThreadContext
  ) {
    if ports[index].sending.isHeld, !queue.canComplete(ports[index].sending.generation) {
      giveUp(index, by: thread)
    }
    var budget = Int(queue.maximumSize)
    repeat {
      queue.suspendKicks(memory)
      while budget > 0 {
        if !ports[index].sending.isHeld {
          guard queue.pop(into: &ports[index].sending.chain, memory) else { break }
          budget -= 1
          ports[index].sending.isHeld = true
          ports[index].sending.generation = queue.generation
          ports[index].sending.id = queue.taken &- 1
          ports[index].sending.done = 0
          stamps?.tell(
            observer, sent(index), head: ports[index].sending.chain.head, memory, by: thread)
          let bytes = UInt32(clamping: ports[index].sending.chain.readableLength)
          observer.requestBegan(sent(index), bytes: bytes, by: thread)
          observer.backendSubmitted(sent(index), .send, bytes: bytes, by: thread)
        }
        // Where nobody is connected, what is sent is nobody's, as with a serial line that is not plugged in.
        guard send(index, memory) else { return waitAgain(index) }
        observer.backendCompleted(
          sent(index), status: ports[index].peer.isConnected ? 0 : UInt16(ENOTCONN), by: thread)
        queue.push(head: ports[index].sending.chain.head, written: 0, memory)
        finish(index, by: thread)
      }
      // A guest that sends as fast as it is served must not keep this thread from others' work.
      if budget == 0 {
        wake.signal()
        return waitAgain(index)
      }
    } while queue.resumeKicks(memory)
    waitAgain(index)
  }

  /// Sends what is left of the request that is held.
  ///
  /// - Returns: false where the peer does not take all of it now.
  private func send(_ index: Int, _ memory: GuestMemory) -> Bool {
    let held = ports[index].sending
    let peer = ports[index].peer
    var done = held.done
    var isBlocked = false
    var isGone = !peer.isConnected
    try? DescriptorChain.pieces(
      of: held.chain.readable, skipping: done, count: held.chain.readableLength - done
    ) { (address, count) throws(GuestMemoryError) in
      var rest = UnsafeRawBufferPointer(try memory.hostBytes(at: address, count: count))
      while !rest.isEmpty, !isBlocked, !isGone {
        switch peer.send(UnsafeRawBufferPointer(rebasing: rest.prefix(ConsoleDevice.pieceLimit))) {
        case .moved(let count):
          done += UInt64(count)
          rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
        case .wouldBlock: isBlocked = true
        case .gone: isGone = true
        }
      }
    }
    ports[index].sending.done = done
    if isGone, peer.isConnected { disconnect(index) }
    return !isBlocked || isGone
  }

  private func receive(
    _ index: Int, _ queue: inout Virtqueue, _ memory: GuestMemory, by thread: ThreadContext
  ) {
    defer { waitAgain(index) }
    if ports[index].receiving.isHeld, ports[index].receiving.generation != queue.generation {
      ports[index].receiving.isHeld = false
    }
    if !ports[index].receiving.isHeld {
      guard queue.pop(into: &ports[index].receiving.chain, memory) else {
        // A kick tells when there are more; where some have come meanwhile, none will.
        ports[index].mayHaveBuffers = queue.resumeKicks(memory)
        return
      }
      ports[index].receiving.isHeld = true
      ports[index].receiving.generation = queue.generation
      ports[index].receiving.id = queue.taken &- 1
    }
    guard let first = ports[index].receiving.chain.writable.first else {
      return queue.fail(.request("no place for what a port receives"))
    }
    let length = min(Int(first.length), ConsoleDevice.pieceLimit)
    guard let bytes = try? memory.hostBytes(at: first.address, count: length) else { return }
    switch ports[index].peer.receive(bytes) {
    case .moved(let count):
      memory.wasFilled(bytes)
      let request = DeviceRequest(
        device: id, queue: UInt16(ports[index].description.receiveQueue), id: ports[index].receiving.id,
        kind: .receive)
      observer.requestBegan(request, bytes: UInt32(count), by: thread)
      queue.push(head: ports[index].receiving.chain.head, written: UInt32(count), memory)
      ports[index].receiving.isHeld = false
      observer.requestEnded(request, status: 0, by: thread)
    case .wouldBlock: break
    case .gone: disconnect(index)
    }
  }

  private func sent(_ index: Int) -> DeviceRequest {
    DeviceRequest(
      device: id, queue: UInt16(ports[index].description.transmitQueue), id: ports[index].sending.id,
      kind: .transmit)
  }

  private func finish(_ index: Int, by thread: ThreadContext) {
    ports[index].sending.isHeld = false
    observer.requestEnded(sent(index), status: 0, by: thread)
  }

  /// A request to send something is no more: its queue is gone.
  private func giveUp(_ index: Int, by thread: ThreadContext) {
    ports[index].sending.isHeld = false
    observer.requestEnded(sent(index), status: DeviceRequest.givenUp, by: thread)
  }

  // MARK: Connections

  private func accept(_ index: Int) {
    switch ports[index].peer.accept() {
    case .connected: connectionChanged(index)
    case .nobody: break
    case .refused:
      // Who waits is told of without end.
      ports[index].isPausing = true
      waitAgain(index)
      timer.set(nanoseconds: ConsoleDevice.pause)
    }
  }

  private func endPause() {
    _ = timer.consume()
    for index in ports.indices where ports[index].isPausing {
      ports[index].isPausing = false
      waitAgain(index)
    }
  }

  /// The peer has left. What it sent before goes to a guest that has the port open, when that has room for it; where nobody in
  /// the guest has, it is dropped as in QEMU, and the next peer's turn has come.
  private func hangUp(_ index: Int) {
    guard ports[index].isOpenInGuest, ports[index].peer.hasUnread else { return disconnect(index) }
    ports[index].hasLeft = true
    waitAgain(index)
  }

  private func disconnect(_ index: Int) {
    forget(index)
    ports[index].hasLeft = false
    ports[index].peer.close()
    connectionChanged(index)
  }

  private func connectionChanged(_ index: Int) {
    if isMultiport { ports[index].debts.insert(.open) }
    waitAgain(index)
    wake.signal()
  }

  /// Takes a port's descriptor out of the set, before it is closed or another takes its place.
  private func forget(_ index: Int) {
    guard ports[index].waitedFor >= 0 else { return }
    try? poller.change(ports[index].waitedFor, from: ports[index].interest, to: [], token: UInt32(index))
    ports[index].waitedFor = -1
    ports[index].interest = []
  }

  private func waitAgain(_ index: Int) {
    // Fails where the kernel has no memory for it: the port stands still, and nothing else does.
    try? wait(index)
  }

  /// Waits for what the port can go on with.
  private func wait(_ index: Int) throws(Errno) {
    let port = ports[index]
    let wanted: Readiness
    let descriptor: CInt
    if let listener = port.peer.listener {
      (descriptor, wanted) = (listener, port.isPausing ? [] : .input)
    } else if let connection = port.peer.descriptor {
      descriptor = connection
      var readiness: Readiness = port.sending.isHeld ? .output : []
      if port.isOpenInGuest, port.receiving.isHeld || port.mayHaveBuffers { readiness.insert(.input) }
      // One that has left is told of without end.
      if !port.hasLeft || !port.isOpenInGuest { readiness.insert(.hangUp) }
      wanted = readiness
    } else {
      return forget(index)
    }
    if port.waitedFor != descriptor { forget(index) }
    guard ports[index].interest != wanted else { return }
    try poller.change(descriptor, from: ports[index].interest, to: wanted, token: UInt32(index))
    ports[index].interest = wanted
    ports[index].waitedFor = descriptor
  }

  // MARK: Control messages

  private func listen(_ queue: inout Virtqueue, _ memory: GuestMemory) {
    var budget = Int(queue.maximumSize)
    repeat {
      queue.suspendKicks(memory)
      while budget > 0, queue.pop(into: &chain, memory) {
        budget -= 1
        do {
          obey(try ConsoleControl(chain, memory))
        } catch {
          return queue.fail(error)
        }
        queue.push(head: chain.head, written: 0, memory)
      }
    } while budget > 0 && queue.resumeKicks(memory)
    // The answers go another queue's way, and what is left waits for the others' turn.
    if budget < Int(queue.maximumSize) { wake.signal() }
  }

  private func obey(_ message: ConsoleControl) {
    guard isMultiport else { return }
    switch message.event {
    case .deviceReady?:
      guard message.value == 1 else { return }
      for index in ports.indices { ports[index].debts.insert(.add) }
    case .portReady?:
      guard message.value == 1, let index = index(of: message.port) else { return }
      if ports[index].description.isConsole { ports[index].debts.insert(.console) }
      if ports[index].description.name != nil { ports[index].debts.insert(.name) }
      if ports[index].peer.isConnected { ports[index].debts.insert(.open) }
    case .portOpen?:
      guard let index = index(of: message.port) else { return }
      ports[index].isOpenInGuest = message.value == 1
      waitAgain(index)
    case .portAdd?, .portRemove?, .consolePort?, .resize?, .portName?, nil: break
    }
  }

  private func index(of port: UInt32) -> Int? { ports.firstIndex { $0.description.number == port } }

  /// Tells the driver what it is to be told, as far as it has given buffers.
  private func pay(_ queue: inout Virtqueue, _ memory: GuestMemory) {
    for index in ports.indices {
      while let (debt, message) = next(of: ports[index]) {
        guard queue.pop(into: &chain, memory) else {
          // A kick tells when there are more.
          if queue.resumeKicks(memory) { wake.signal() }
          return
        }
        guard chain.writableLength >= UInt64(message.count) else {
          return queue.fail(
            .request("\(chain.writableLength) bytes for a control message of \(message.count)"))
        }
        var place = 0
        try? DescriptorChain.pieces(of: chain.writable, skipping: 0, count: UInt64(message.count)) {
          (address, count) throws(GuestMemoryError) in
          try memory.write(Array(message[place..<place + count]), at: address)
          place += count
        }
        queue.push(head: chain.head, written: UInt32(message.count), memory)
        ports[index].debts.remove(debt)
      }
    }
  }

  private func next(of port: ConsolePort) -> (ConsolePort.Debts, [UInt8])? {
    func message(_ event: ConsoleControl.Event, _ value: UInt16 = 1) -> [UInt8] {
      ConsoleControl(port: port.description.number, event, value: value).bytes
    }
    if port.debts.contains(.add) { return (.add, message(.portAdd)) }
    if port.debts.contains(.console) { return (.console, message(.consolePort)) }
    if port.debts.contains(.name) {
      return (.name, message(.portName) + Array((port.description.name ?? "").utf8))
    }
    if port.debts.contains(.open) { return (.open, message(.portOpen, port.peer.isConnected ? 1 : 0)) }
    return nil
  }
}
