import Platform
import Synchronization

/// The guest's RAM, as memory of this process.
///
/// Every access checks its bounds against the regions and names its byte order. The guest runs at the same time: a
/// value may change between two reads, so what is read once must be checked after it was read, not before.
public final class GuestMemory: @unchecked Sendable {
  /// Where RAM appears to the guest.
  public let layout: RAMLayout
  /// What the memory is made of, for messages and the state dump: `anonymous`, a path, `hugetlbfs …`.
  public let backing: String
  /// Called when a device has written, on its thread, with an offset in the mapping and a number of bytes: an engine that has made something of
  /// RAM's contents forgets it. Set before a vCPU runs. Indices of rings and numbers are not told of.
  public var onDeviceWrite: (@Sendable (_ offset: UInt64, _ count: Int) -> Void)?
  /// Called with each fence between what a device writes and what it then reads: an engine whose guests' own fences order nothing orders
  /// the vCPUs' accesses as well. Set before a vCPU runs.
  public var onFence: (@Sendable () -> Void)?
  private let mapping: MemoryMapping
  // Copies of the two possible regions, so that the way to a byte is two comparisons without an array.
  private let lowStart: UInt64
  private let lowLength: UInt64
  private let highLength: UInt64

  /// Takes a mapping as guest RAM.
  ///
  /// - Parameters:
  ///   - mapping: as large as all regions of `layout` together.
  ///   - backing: what the memory is made of.
  public init(layout: RAMLayout, mapping: consuming MemoryMapping, backing: String) {
    let total = layout.regions.reduce(0) { $0 + $1.length }
    precondition(UInt64(mapping.length) >= total, "the mapping is smaller than the layout")
    self.layout = layout
    self.backing = backing
    self.mapping = mapping
    lowStart = layout.regions[0].start.value
    lowLength = layout.regions[0].length
    highLength = layout.regions.count > 1 ? layout.regions[1].length : 0
  }

  /// Bytes of RAM in all regions.
  public var size: UInt64 { lowLength + highLength }

  /// Ends this process, saying why, when RAM turns out to be lost: the file behind it was cut by somebody, or its file
  /// system has no room for a page that is touched for the first time.
  ///
  /// - Parameter status: the exit status.
  public func endProcessWhenLost(status: CInt) throws(Errno) {
    try mapping.endProcessWhenLost(
      message: "exeunt: guest RAM is lost: the file behind it (\(backing)) was cut while the guest ran, or "
        + "its file system is full; use --mem-prealloc to find out at the start\n",
      status: status)
  }

  /// The host memory behind a region, for KVM_SET_USER_MEMORY_REGION.
  public func hostMemory(of region: RAMLayout.Region) -> UnsafeMutableRawBufferPointer {
    // Regions are made by `RAMLayout` alone, and `init` has checked that all of them are in the mapping.
    unsafe UnsafeMutableRawBufferPointer(
      start: mapping.base + Int(region.backingOffset), count: Int(region.length))
  }

  // Every address of this process that is used below comes from here or from `checkedHost`, asked for as many bytes as are then
  // touched. `init` has checked that the regions are in the mapping, which lives as long as this object.

  /// The host address of `count` bytes of RAM, or nil where they are not all in one region.
  @inline(__always)
  private func host(_ address: GuestAddress, _ count: Int) -> UnsafeMutableRawPointer? {
    let start = address.value
    let length = UInt64(UInt(bitPattern: count))
    // What is below wraps around, beyond any length.
    let low = start &- lowStart
    if low <= lowLength, length <= lowLength - low {
      return unsafe mapping.base + Int(low)
    }
    if start >= RAMLayout.highStart {
      let offset = start - RAMLayout.highStart
      if offset <= highLength, length <= highLength - offset {
        return unsafe mapping.base + Int(lowLength + offset)
      }
    }
    return nil
  }

  /// Whether `count` bytes from an address on are RAM, in one region.
  public func contains(_ address: GuestAddress, count: Int) -> Bool { unsafe host(address, count) != nil }

  private func checkedHost(_ address: GuestAddress, _ count: Int) throws(GuestMemoryError)
    -> UnsafeMutableRawPointer
  {
    guard count >= 0, let pointer = unsafe host(address, count) else {
      throw .outside(address, count: count)
    }
    return unsafe pointer
  }

  /// Reads a number at any alignment.
  @specialized(where Value == UInt64)
  public func read<Value: FixedWidthInteger & BitwiseCopyable>(
    _ type: Value.Type = Value.self, at address: GuestAddress, _ order: ByteOrder
  ) throws(GuestMemoryError) -> Value {
    let pointer = try unsafe checkedHost(address, MemoryLayout<Value>.size)
    let value = unsafe pointer.loadUnaligned(as: Value.self)
    return order == .little ? Value(littleEndian: value) : Value(bigEndian: value)
  }

  /// Writes a number at any alignment.
  @specialized(where Value == UInt64)
  @specialized(where Value == UInt8)
  public func write<Value: FixedWidthInteger & BitwiseCopyable>(
    _ value: Value, at address: GuestAddress, _ order: ByteOrder
  ) throws(GuestMemoryError) {
    let pointer = try unsafe checkedHost(address, MemoryLayout<Value>.size)
    unsafe pointer.storeBytes(of: order == .little ? value.littleEndian : value.bigEndian, as: Value.self)
  }

  /// Lets what was written be seen before what is read next, as a driver's fence does the other way round: one of the two sees what the other
  /// wrote.
  public func fence() {
    atomicMemoryFence(ordering: .sequentiallyConsistent)
    onFence?()
  }

  private func tell(_ pointer: UnsafeMutableRawPointer, _ count: Int) {
    guard let onDeviceWrite else { return }
    onDeviceWrite(UInt64(unsafe pointer - mapping.base), count)
  }

  /// Copies bytes into RAM; all or nothing.
  public func write(_ bytes: UnsafeRawBufferPointer, at address: GuestAddress) throws(GuestMemoryError) {
    let pointer = try unsafe checkedHost(address, bytes.count)
    guard let base = bytes.baseAddress else { return }
    unsafe pointer.copyMemory(from: base, byteCount: bytes.count)
    unsafe tell(pointer, bytes.count)
  }

  /// Copies bytes into RAM; all or nothing.
  public func write(_ bytes: [UInt8], at address: GuestAddress) throws(GuestMemoryError) {
    let pointer = try unsafe checkedHost(address, bytes.count)
    unsafe bytes.withUnsafeBytes { buffer in
      if let base = buffer.baseAddress { unsafe pointer.copyMemory(from: base, byteCount: buffer.count) }
    }
    unsafe tell(pointer, bytes.count)
  }

  /// Copies bytes out of RAM.
  public func read(count: Int, at address: GuestAddress) throws(GuestMemoryError) -> [UInt8] {
    let pointer = try unsafe checkedHost(address, count)
    return unsafe Array(UnsafeRawBufferPointer(start: pointer, count: count))
  }

  /// Lets somebody fill bytes of RAM in place, such as from a file. No vCPU is running.
  ///
  /// - Parameter fill: is given all of the bytes, and must not keep them.
  /// - Throws: `GuestMemoryError` when they are not all RAM; what `fill` throws.
  public func fill(
    at address: GuestAddress, count: Int, _ fill: (UnsafeMutableRawBufferPointer) throws -> Void
  ) throws {
    let pointer = try unsafe checkedHost(address, count)
    defer { unsafe tell(pointer, count) }
    try unsafe fill(UnsafeMutableRawBufferPointer(start: pointer, count: count))
  }

  /// The bytes of RAM at an address, for a system call that reads them, or writes them: then `wasFilled` is to be called. The guest may
  /// change them at any moment. They are there as long as this object is.
  public func hostBytes(at address: GuestAddress, count: Int) throws(GuestMemoryError)
    -> UnsafeMutableRawBufferPointer
  {
    unsafe UnsafeMutableRawBufferPointer(start: try checkedHost(address, count), count: count)
  }

  /// Somebody has filled bytes that `hostBytes` gave. Not before they are there: a translator could translate once more what was there
  /// before.
  public func wasFilled(_ bytes: UnsafeMutableRawBufferPointer) {
    guard let base = bytes.baseAddress else { return }
    unsafe tell(base, bytes.count)
  }

  /// Sets bytes of RAM to zero.
  public func clear(count: Int, at address: GuestAddress) throws(GuestMemoryError) {
    let pointer = try unsafe checkedHost(address, count)
    unsafe pointer.initializeMemory(as: UInt8.self, repeating: 0, count: count)
    unsafe tell(pointer, count)
  }

  /// Reads a 32-bit number that the guest publishes with the data before it: an acquiring load.
  ///
  /// - Parameter address: a multiple of 4.
  public func loadAcquiring(at address: GuestAddress, _ order: ByteOrder) throws(GuestMemoryError) -> UInt32 {
    let value = try unsafe atomic(UInt32.self, address).pointee.load(ordering: .acquiring)
    return order == .little ? UInt32(littleEndian: value) : UInt32(bigEndian: value)
  }

  /// Publishes a 32-bit number with the data written before it: a releasing store.
  ///
  /// - Parameter address: a multiple of 4.
  public func storeReleasing(_ value: UInt32, at address: GuestAddress, _ order: ByteOrder)
    throws(GuestMemoryError)
  {
    let stored = order == .little ? value.littleEndian : value.bigEndian
    try unsafe atomic(UInt32.self, address).pointee.store(stored, ordering: .releasing)
  }

  /// Reads a 16-bit number that the guest publishes with the data before it, such as a ring's index: one acquiring load.
  ///
  /// - Parameter address: a multiple of 2.
  public func loadAcquiring16(
    at address: GuestAddress, _ order: ByteOrder
  ) throws(GuestMemoryError) -> UInt16 {
    let value = try unsafe atomic(UInt16.self, address).pointee.load(ordering: .acquiring)
    return order == .little ? UInt16(littleEndian: value) : UInt16(bigEndian: value)
  }

  /// Publishes a 16-bit number with the data written before it: one releasing store.
  ///
  /// - Parameter address: a multiple of 2.
  public func storeReleasing16(
    _ value: UInt16, at address: GuestAddress, _ order: ByteOrder
  ) throws(GuestMemoryError) {
    let stored = order == .little ? value.littleEndian : value.bigEndian
    try unsafe atomic(UInt16.self, address).pointee.store(stored, ordering: .releasing)
  }

  // Atomic<Value> has the layout of Value and the pointer is in bounds and aligned: the only accesses through it are
  // atomic ones.
  private func atomic<Value: AtomicRepresentable & FixedWidthInteger>(
    _ type: Value.Type, _ address: GuestAddress
  ) throws(GuestMemoryError) -> UnsafeMutablePointer<Atomic<Value>> {
    let size = MemoryLayout<Value>.size
    let pointer = try unsafe checkedHost(address, size)
    guard address.value % UInt64(size) == 0 else { throw .misaligned(address, size: size) }
    return unsafe pointer.assumingMemoryBound(to: Atomic<Value>.self)
  }
}
