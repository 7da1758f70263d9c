import GuestRAM

/// A guest's linear memory, as the processor sees it when it delivers an interrupt: by the guest's page tables (Intel SDM volume 3,
/// chapter 4). Rights are not looked at: what a kernel has for its own stack and tables is its own.
struct LinearMemory {
  private let memory: GuestMemory
  private let isPaged: Bool
  private let isLongMode: Bool
  private let cr3: UInt64
  private let cr4: UInt64

  init(_ state: TranslatorState, _ memory: GuestMemory) {
    self.memory = memory
    isPaged = state[control: 0] & 1 << 31 != 0
    isLongMode = state.isLongMode
    cr3 = state[control: 3]
    cr4 = state[control: 4]
  }

  private static let present: UInt64 = 1
  private static let large: UInt64 = 1 << 7

  /// The guest physical address behind a linear one; nil where nothing is mapped.
  func physical(_ linear: UInt64) -> UInt64? {
    guard isPaged else { return linear & (isLongMode ? .max : 0xffff_ffff) }
    if isLongMode || cr4 & 1 << 5 != 0 { return walkWide(linear) }
    guard let directory = entry32(cr3 & 0xffff_f000, linear >> 22 & 0x3ff) else { return nil }
    if directory & Self.large != 0, cr4 & 1 << 4 != 0 {
      return directory & 0xffc0_0000 | (directory >> 13 & 0xff) << 32 | linear & 0x3f_ffff
    }
    return entry32(directory & 0xffff_f000, linear >> 12 & 0x3ff).map { $0 & 0xffff_f000 | linear & 0xfff }
  }

  private func walkWide(_ linear: UInt64) -> UInt64? {
    var table = isLongMode ? cr3 & 0x000f_ffff_ffff_f000 : cr3 & 0xffff_ffe0
    let first: UInt64 = isLongMode ? (cr4 & 1 << 12 != 0 ? 48 : 39) : 30
    var shift = first
    while true {
      let width: UInt64 = shift == 30 && !isLongMode ? 0x3 : 0x1ff
      guard let entry = entry64(table, linear >> shift & width) else { return nil }
      let address = entry & 0x000f_ffff_ffff_f000
      if shift == 12 { return address | linear & 0xfff }
      if entry & Self.large != 0, shift == 21 || shift == 30 && isLongMode {
        let offset: UInt64 = (1 << shift) - 1
        return address & ~offset | linear & offset
      }
      table = address
      shift -= 9
    }
  }

  private func entry64(_ table: UInt64, _ index: UInt64) -> UInt64? {
    guard let entry = try? memory.read(UInt64.self, at: GuestAddress(table &+ 8 &* index), .little) else {
      return nil
    }
    return entry & Self.present != 0 ? entry : nil
  }

  private func entry32(_ table: UInt64, _ index: UInt64) -> UInt64? {
    guard let entry = try? memory.read(UInt32.self, at: GuestAddress(table &+ 4 &* index), .little) else {
      return nil
    }
    return UInt64(entry) & Self.present != 0 ? UInt64(entry) : nil
  }

  /// How many bytes are left of the page of an address.
  private static func rest(_ linear: UInt64) -> Int { Int(0x1000 - linear & 0xfff) }

  /// Reads a little-endian number of up to eight bytes, which may cross pages; nil where part of it is not in RAM.
  func read(_ linear: UInt64, bytes: Int) -> UInt64? {
    if bytes > Self.rest(linear) {
      let first = Self.rest(linear)
      guard let low = read(linear, bytes: first),
        let high = read(linear &+ UInt64(first), bytes: bytes - first)
      else { return nil }
      return low | high << (8 * UInt64(first))
    }
    guard let place = physical(linear).map(GuestAddress.init) else { return nil }
    if bytes == 8 { return try? memory.read(UInt64.self, at: place, .little) }
    var value: UInt64 = 0
    for index in 0..<UInt64(bytes) {
      guard let byte = try? memory.read(UInt8.self, at: GuestAddress(place.value + index), .little) else {
        return nil
      }
      value |= UInt64(byte) << (8 * index)
    }
    return value
  }

  /// Writes one.
  ///
  /// - Returns: false where part of it is not in RAM; nothing is undone.
  func write(_ value: UInt64, at linear: UInt64, bytes: Int) -> Bool {
    if bytes > Self.rest(linear) {
      let first = Self.rest(linear)
      return write(value, at: linear, bytes: first)
        && write(value >> (8 * UInt64(first)), at: linear &+ UInt64(first), bytes: bytes - first)
    }
    guard let place = physical(linear).map(GuestAddress.init) else { return false }
    if bytes == 8 { return (try? memory.write(value, at: place, .little)) != nil }
    for index in 0..<UInt64(bytes) {
      let byte = UInt8(truncatingIfNeeded: value >> (8 * index))
      guard (try? memory.write(byte, at: GuestAddress(place.value + index), .little)) != nil else {
        return false
      }
    }
    return true
  }
}
