import Devices
import GuestRAM
import Platform

/// A virtio device behind memory-mapped registers, without the legacy interface (virtio 1.2, section 4.2).
///
/// The driver's faults end here: a broken queue makes the device need a reset, once, and costs nothing more until then.
package final class MMIOTransport: KickHandler, @unchecked Sendable {
  /// Bytes of registers and configuration.
  package static let registerBytes: UInt64 = 0x1000
  /// The offset of QueueNotify: a kick is a 32-bit write of the queue's number.
  package static let kickOffset: UInt32 = 0x50
  /// What MagicValue reads: "virt".
  package static let magic: UInt32 = 0x7472_6976
  /// What VendorID reads: "EXNT".
  package static let vendor: UInt32 = 0x544e_5845

  private static let configurationOffset: UInt32 = 0x100
  // InterruptStatus (section 4.2.2).
  private static let usedBuffer: UInt32 = 1
  private static let configurationChange: UInt32 = 2

  /// The number in the trace.
  package let id: DeviceID
  private let device: any VirtioDevice
  private let interrupt: any InterruptLine
  private let observer: any QueueObserver
  private let offered: UInt64
  /// What loops wait for to call `collect`.
  package let sources: [DeviceSource]
  // Everything below is accessed under the device's lock.
  private var queues: [Virtqueue]
  private var status: DeviceStatus = []
  private var accepted: UInt64 = 0
  private var deviceFeaturesSelector: UInt32 = 0
  private var driverFeaturesSelector: UInt32 = 0
  private var queueSelector: UInt32 = 0
  private var interruptStatus: UInt32 = 0
  private var generation: UInt32 = 0

  /// Puts a device behind registers.
  ///
  /// - Parameter interrupt: edge-triggered: the driver is woken for each completion that it asked to be woken for.
  package init(
    id: DeviceID, _ device: any VirtioDevice, interrupt: any InterruptLine, observer: any QueueObserver
  ) {
    self.id = id
    self.device = device
    self.interrupt = interrupt
    self.observer = observer
    offered = device.features | CommonFeature.offered
    sources = device.sources
    queues = device.queueSizes.map { Virtqueue(maximumSize: $0) }
  }

  /// What went wrong on the host's side of it, a line each. The device's lock is held, or nothing runs any more.
  package var troubles: [String] { device.troubles }

  // MARK: Registers

  /// Reads a register (section 4.2.2), or the configuration.
  package func read(offset: UInt32, size: Int, window: Int, by thread: ThreadContext) -> UInt64 {
    if offset >= MMIOTransport.configurationOffset {
      return device.readConfiguration(offset: offset - MMIOTransport.configurationOffset, size: size)
    }
    // Other widths are a driver's mistake (section 4.2.2.2), and read as what is not there does.
    guard size == 4, offset % 4 == 0 else { return 0 }
    return UInt64(register(offset))
  }

  private func register(_ offset: UInt32) -> UInt32 {
    switch offset {
    case 0x00: MMIOTransport.magic
    case 0x04: 2
    case 0x08: device.kind
    case 0x0c: MMIOTransport.vendor
    case 0x10: half(of: offered, deviceFeaturesSelector)
    case 0x34: selected.map { UInt32(queues[$0].maximumSize) } ?? 0
    case 0x44: selected.map { queues[$0].isReady ? 1 : 0 } ?? 0
    case 0x60: interruptStatus
    case 0x70: status.rawValue
    // A region of shared memory that does not exist has the length of all ones, and its base too.
    case 0xb0, 0xb4, 0xb8, 0xbc: .max
    case 0xfc: generation
    default: 0
    }
  }

  /// Writes a register, or the configuration.
  package func write(
    offset: UInt32, size: Int, value: UInt64, window: Int, memory: GuestMemory, by thread: ThreadContext
  ) {
    if offset >= MMIOTransport.configurationOffset {
      guard status.contains(.driver) else { return }
      device.writeConfiguration(
        offset: offset - MMIOTransport.configurationOffset, size: size, value: value)
      return
    }
    guard size == 4, offset % 4 == 0 else { return }
    let value = UInt32(truncatingIfNeeded: value)
    switch offset {
    case 0x14: deviceFeaturesSelector = value
    case 0x20: acceptFeatures(value)
    case 0x24: driverFeaturesSelector = value
    case 0x30: queueSelector = value
    case 0x38: configureQueue { $0.requestedSize = value }
    case 0x44: setQueueReady(value, memory, by: thread)
    case MMIOTransport.kickOffset:
      if Int(value) < queues.count { observer.queueKicked(id, queue: Int(value), by: thread) }
      handleKicks(1, queue: Int(value), memory: memory, by: thread)
    case 0x64: interruptStatus &= ~value
    case 0x70: setStatus(value)
    case 0x80: configureQueue { $0.descriptors.setLow(value) }
    case 0x84: configureQueue { $0.descriptors.setHigh(value) }
    case 0x90: configureQueue { $0.available.setLow(value) }
    case 0x94: configureQueue { $0.available.setHigh(value) }
    case 0xa0: configureQueue { $0.used.setLow(value) }
    case 0xa4: configureQueue { $0.used.setHigh(value) }
    default: break
    }
  }

  private func half(of features: UInt64, _ selector: UInt32) -> UInt32 {
    selector < 2 ? UInt32(truncatingIfNeeded: features >> (32 * UInt64(selector))) : 0
  }

  // MARK: Agreeing (section 3.1.1)

  private func acceptFeatures(_ value: UInt32) {
    guard status.contains(.driver), !status.contains(.featuresOK), driverFeaturesSelector < 2 else { return }
    let shift = 32 * UInt64(driverFeaturesSelector)
    accepted = accepted & ~(0xffff_ffff << shift) | UInt64(value) << shift
  }

  private func setStatus(_ value: UInt32) {
    guard value != 0 else { return reset() }
    // A driver only adds to the status. What comes out of order is not added, which it sees when it reads the register.
    var added = DeviceStatus(rawValue: value).intersection(.ofDriver).subtracting(status)
    let known = status.union(added)
    if added.contains(.featuresOK) {
      let isComplete = accepted & ~offered == 0 && accepted & CommonFeature.version1 != 0
      if !isComplete || !known.contains([.acknowledge, .driver]) { added.remove(.featuresOK) }
    }
    if added.contains(.driverOK), !status.union(added).contains(.featuresOK) { added.remove(.driverOK) }
    status.formUnion(added)
    if added.contains(.driverOK) { device.start(features: accepted) }
  }

  /// Puts the device into its power-on state. The main thread does that.
  package func reset() { reset(by: ThreadContext(kind: .main, id: 0)) }

  /// The same, as a driver has it by writing 0 to Status.
  private func reset(by thread: ThreadContext) {
    device.reset(by: thread)
    for index in queues.indices { queues[index].reset() }
    status = []
    accepted = 0
    deviceFeaturesSelector = 0
    driverFeaturesSelector = 0
    queueSelector = 0
    interruptStatus = 0
  }

  /// The device's configuration is another one (section 4.2.2.1): the driver is told.
  package func configurationChanged(by thread: ThreadContext) {
    generation &+= 1
    guard status.contains(.driverOK) else { return }
    raise(MMIOTransport.configurationChange, by: thread)
  }

  // MARK: Queues

  private var selected: Int? {
    queueSelector < UInt32(queues.count) ? Int(queueSelector) : nil
  }

  /// Where a queue is, and how large, can be said only while the device does not use it.
  private func configureQueue(_ change: (inout Virtqueue) -> Void) {
    guard let index = selected, !queues[index].isReady, queues[index].fault == nil else { return }
    change(&queues[index])
  }

  private func setQueueReady(_ value: UInt32, _ memory: GuestMemory, by thread: ThreadContext) {
    guard let index = selected else { return }
    guard value & 1 != 0 else {
      if queues[index].isReady { device.settle() }
      return queues[index].stop()
    }
    guard status.contains(.featuresOK), !status.contains(.needsReset), !queues[index].isReady else { return }
    queues[index].start(
      .init(
        indirectDescriptors: accepted & CommonFeature.indirectDescriptors != 0,
        eventIndex: accepted & CommonFeature.eventIndex != 0), memory)
    reportFault(of: index, by: thread)
  }

  /// Has the device look into a queue. Kicks that come too early, too late, or for a queue that there is not, do nothing.
  package func handleKicks(
    _ count: UInt64, queue index: Int, memory: GuestMemory, by thread: ThreadContext
  ) {
    guard status.contains(.driverOK), !status.contains(.needsReset), index >= 0, index < queues.count,
      queues[index].isReady
    else { return }
    device.handle(&queues[index], index: index, memory: memory, by: thread)
    if publish(index, memory, by: thread) { raise(MMIOTransport.usedBuffer, by: thread) }
    reportFault(of: index, by: thread)
  }

  /// Has the device push what a loop was woken up for. The device's lock is held.
  ///
  /// - Returns: what the source's packets are waited for from now on.
  @discardableResult
  package func collect(source: Int, memory: GuestMemory, by thread: ThreadContext) -> Readiness {
    device.collect(source: source, &queues, memory: memory, by: thread)
    var isWanted = false
    for index in sources[source].queues {
      if publish(index, memory, by: thread) { isWanted = true }
      reportFault(of: index, by: thread)
    }
    if isWanted { raise(MMIOTransport.usedBuffer, by: thread) }
    return device.interest(source: source)
  }

  /// - Returns: whether the driver wants an interrupt.
  private func publish(_ index: Int, _ memory: GuestMemory, by thread: ThreadContext) -> Bool {
    guard let publication = queues[index].publish(memory) else { return false }
    observer.queuePublished(id, queue: index, publication, by: thread)
    return publication.wantsInterrupt
  }

  private func reportFault(of index: Int, by thread: ThreadContext) {
    guard let fault = queues[index].fault, !status.contains(.needsReset) else { return }
    status.insert(.needsReset)
    observer.queueBroke(id, queue: index, fault, by: thread)
    // Section 2.1.2: the driver is told where it was ready.
    if status.contains(.driverOK) { raise(MMIOTransport.configurationChange, by: thread) }
  }

  private func raise(_ cause: UInt32, by thread: ThreadContext) {
    interruptStatus |= cause
    interrupt.pulse(by: thread)
  }
}

extension GuestAddress {
  fileprivate mutating func setLow(_ half: UInt32) { value = value & ~0xffff_ffff | UInt64(half) }
  fileprivate mutating func setHigh(_ half: UInt32) { value = value & 0xffff_ffff | UInt64(half) << 32 }
}
