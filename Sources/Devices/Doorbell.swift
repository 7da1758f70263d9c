import GuestRAM

/// A device that does nothing but answer kicks, with sixteen queues: what remains of a virtio device when the work is
/// taken away. Its registers and its ring are described in docs/guest-abi.md.
public final class Doorbell: KickHandler, @unchecked Sendable {
  /// The number of queues.
  public static let queueCount = 16
  /// The offset of the register that a kick is a 32-bit write to.
  public static let kickOffset: UInt32 = 0
  /// What the ID register reads.
  public static let identity: UInt32 = 0x4244_5845
  /// The most entries that a ring can have.
  public static let maximumRingSize: UInt32 = 4096

  private static let bankOffset: UInt32 = 0x40
  private static let bankSize: UInt32 = 0x10
  private static let linesOffset: UInt32 = 0x140

  private struct Queue {
    var ringAddress: UInt64 = 0
    var ringSize: UInt32 = 0
    var completed: UInt32 = 0
    /// 0: the device's own.
    var line: UInt32 = 0
  }

  /// The number in the trace.
  public let id: DeviceID
  private let interrupt: any InterruptLine
  private let makeLine: @Sendable (UInt32) -> (any InterruptLine)?
  private let observer: any DeviceObserver
  // Everything below is accessed under the device's lock.
  private var queues = [Queue](repeating: Queue(), count: Doorbell.queueCount)
  private var errors: UInt32 = 0
  // Made when a queue is given one for the first time; a guest that does not is spared the price.
  private var lines: [UInt32: any InterruptLine] = [:]

  /// Makes the device.
  ///
  /// - Parameters:
  ///   - interrupt: what all queues raise at first.
  ///   - makeLine: makes a line that the guest chose for a queue, on the thread of whoever chose it; nil for one that queues
  ///     cannot have. What it makes is kept.
  public init(
    id: DeviceID, interrupt: any InterruptLine, observer: any DeviceObserver,
    makeLine: @escaping @Sendable (UInt32) -> (any InterruptLine)? = { _ in nil }
  ) {
    self.id = id
    self.interrupt = interrupt
    self.makeLine = makeLine
    self.observer = observer
  }

  /// Reads a register.
  public func read(offset: UInt32, size: Int, window: Int, by thread: ThreadContext) -> UInt64 {
    switch offset {
    case 0x04: return UInt64(Doorbell.identity)
    case 0x08: return UInt64(Doorbell.queueCount)
    case 0x0c: return UInt64(errors)
    default:
      if let index = lineIndex(offset) { return UInt64(queues[index].line) }
      guard let (index, register) = bank(offset) else { return 0 }
      let queue = queues[index]
      switch register {
      case 0x0: return queue.ringAddress & 0xffff_ffff
      case 0x4: return queue.ringAddress >> 32
      case 0x8: return UInt64(queue.ringSize)
      case 0xc: return UInt64(queue.completed)
      default: return 0
      }
    }
  }

  /// Writes a register.
  public func write(
    offset: UInt32, size: Int, value: UInt64, window: Int, memory: GuestMemory, by thread: ThreadContext
  ) {
    let value = UInt32(truncatingIfNeeded: value)
    if offset == Doorbell.kickOffset {
      if value < Doorbell.queueCount { observer.kicked(id, queue: UInt16(value), by: thread) }
      handleKicks(1, queue: Int(value), memory: memory, by: thread)
      return
    }
    if let index = lineIndex(offset) { return setLine(value, ofQueue: index) }
    guard let (index, register) = bank(offset) else { return }
    switch register {
    case 0x0:
      queues[index].ringAddress = queues[index].ringAddress & ~0xffff_ffff | UInt64(value)
    case 0x4:
      queues[index].ringAddress = queues[index].ringAddress & 0xffff_ffff | UInt64(value) << 32
    case 0x8:
      guard value <= Doorbell.maximumRingSize, value & (value &- 1) == 0 else {
        errors &+= 1
        return
      }
      queues[index].ringSize = value
      queues[index].completed = 0
    default: break
    }
  }

  /// Puts the device into its power-on state.
  public func reset() {
    queues = [Queue](repeating: Queue(), count: Doorbell.queueCount)
    errors = 0
  }

  private func bank(_ offset: UInt32) -> (index: Int, register: UInt32)? {
    guard offset >= Doorbell.bankOffset else { return nil }
    let index = Int((offset - Doorbell.bankOffset) / Doorbell.bankSize)
    guard index < Doorbell.queueCount else { return nil }
    return (index, (offset - Doorbell.bankOffset) % Doorbell.bankSize)
  }

  /// The queue whose line register is at an offset.
  private func lineIndex(_ offset: UInt32) -> Int? {
    guard offset >= Doorbell.linesOffset, offset % 4 == 0 else { return nil }
    let index = Int((offset - Doorbell.linesOffset) / 4)
    return index < Doorbell.queueCount ? index : nil
  }

  private func setLine(_ line: UInt32, ofQueue index: Int) {
    if line != 0, lines[line] == nil {
      guard let made = makeLine(line) else {
        errors &+= 1
        return
      }
      lines[line] = made
    }
    queues[index].line = line
  }

  private func pulse(queue index: Int, by thread: ThreadContext) {
    (lines[queues[index].line] ?? interrupt).pulse(by: thread)
  }

  /// Answers kicks: one for each request, or without a ring as many as there were.
  public func handleKicks(
    _ count: UInt64, queue index: Int, memory: GuestMemory, by thread: ThreadContext
  ) {
    guard index >= 0, index < Doorbell.queueCount else {
      errors &+= 1
      return
    }
    if queues[index].ringSize == 0 {
      for _ in 0..<count { complete(index, stamp: 0, by: thread) }
      pulse(queue: index, by: thread)
      return
    }
    do {
      if try drainRing(index, in: memory, by: thread) { pulse(queue: index, by: thread) }
    } catch {
      // No ring is there: nothing can be answered, and the guest can read how often that was so.
      errors &+= 1
    }
  }

  /// Handles every request between the device's count and the guest's.
  ///
  /// - Returns: whether the guest wants an interrupt for what was completed.
  private func drainRing(
    _ index: Int, in memory: GuestMemory, by thread: ThreadContext
  ) throws(GuestMemoryError) -> Bool {
    let ring = GuestAddress(queues[index].ringAddress)
    let size = queues[index].ringSize
    // All of it, whether or not stamps are read: what a guest sees must not depend on being recorded.
    let length = 16 + 8 * Int(size)
    guard memory.contains(ring, count: length) else { throw .outside(ring, count: length) }
    guard ring.value % 8 == 0 else { throw .misaligned(ring, size: 8) }
    // One read of the guest's counter: it may change at any time, and the check is about the value that is used.
    let produced = try memory.loadAcquiring(at: ring, .little)
    let pending = produced &- queues[index].completed
    guard pending <= size else {
      errors &+= 1
      queues[index].completed = produced
      try memory.storeReleasing(produced, at: ring.advanced(by: 4), .little)
      return false
    }
    guard pending > 0 else { return false }
    for _ in 0..<pending {
      let entry = UInt64(queues[index].completed & (size - 1))
      let stamp: UInt64 =
        observer.wantsKickStamps ? try memory.read(at: ring.advanced(by: 16 + 8 * entry), .little) : 0
      complete(index, stamp: stamp, by: thread)
    }
    try memory.storeReleasing(queues[index].completed, at: ring.advanced(by: 4), .little)
    let flags: UInt32 = try memory.read(at: ring.advanced(by: 8), .little)
    return flags & 1 != 0
  }

  private func complete(_ index: Int, stamp: UInt64, by thread: ThreadContext) {
    let request = DeviceRequest(
      device: id, queue: UInt16(index), id: queues[index].completed, kind: .doorbell)
    if stamp != 0 { observer.kickStamp(request, timeStampCounter: stamp, by: thread) }
    observer.requestBegan(request, bytes: 0, by: thread)
    queues[index].completed &+= 1
    observer.requestEnded(request, status: 0, by: thread)
  }
}
