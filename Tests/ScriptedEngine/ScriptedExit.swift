import Engine

/// An exit of a scripted vCPU. Those that are no accesses, the only `VcpuExit`s in here, point nowhere.
public enum ScriptedExit: @unchecked Sendable {
  /// The guest writes elements of `size` bytes each to a port, in the order of memory; several are a string instruction.
  case write(port: UInt16, size: Int, bytes: [UInt8])
  /// The guest reads elements from a port.
  case read(port: UInt16, size: Int, count: Int)
  /// The guest writes to memory that is not RAM.
  case store(address: UInt64, bytes: [UInt8])
  /// The guest reads memory that is not RAM.
  case load(address: UInt64, size: Int)
  /// Any exit that is no access.
  case other(VcpuExit)

  /// What a read finds where nobody fills it.
  static let poison: UInt8 = 0xee

  /// Has the handler handle it.
  ///
  /// - Returns: what a read was filled with, else nothing; and whether the guest goes on.
  func perform(_ handler: some VcpuExitHandler) -> (bytes: [UInt8], goesOn: Bool) {
    switch self {
    case .write(let port, let size, let bytes):
      return ScriptedExit.with(bytes) { data in
        .port(.init(port: port, size: size, count: bytes.count / size, isWrite: true, data: data))
      } handledBy: {
        handler.handle($0)
      }
    case .read(let port, let size, let count):
      return ScriptedExit.with([UInt8](repeating: ScriptedExit.poison, count: size * count)) { data in
        .port(.init(port: port, size: size, count: count, isWrite: false, data: data))
      } handledBy: {
        handler.handle($0)
      }
    case .store(let address, let bytes):
      return ScriptedExit.with(bytes) { data in
        .memory(.init(address: address, size: bytes.count, isWrite: true, data: data))
      } handledBy: {
        handler.handle($0)
      }
    case .load(let address, let size):
      return ScriptedExit.with([UInt8](repeating: ScriptedExit.poison, count: size)) { data in
        .memory(.init(address: address, size: size, isWrite: false, data: data))
      } handledBy: {
        handler.handle($0)
      }
    case .other(let exit):
      return ([], handler.handle(exit))
    }
  }

  /// Handles an access whose data is `bytes`, with guards on both sides that must not change.
  private static func with(
    _ bytes: [UInt8], _ exit: (UnsafeMutableRawPointer) -> VcpuExit, handledBy handle: (VcpuExit) -> Bool
  ) -> (bytes: [UInt8], goesOn: Bool) {
    let guardSize = 16
    var buffer = [UInt8](repeating: poison, count: guardSize) + bytes
    buffer += [UInt8](repeating: poison, count: guardSize)
    let goesOn = buffer.withUnsafeMutableBytes { handle(exit($0.baseAddress! + guardSize)) }
    precondition(
      (buffer.prefix(guardSize) + buffer.suffix(guardSize)).allSatisfy { $0 == poison },
      "the handler wrote outside the access's data")
    return (Array(buffer.dropFirst(guardSize).dropLast(guardSize)), goesOn)
  }
}
