import Board
import Boot
import GuestRAM
import TestSupport

@testable import Boot

/// A machine for plans: so much RAM, one vCPU unless more are asked for.
func request(
  _ bytes: [UInt8], name: String = "kernel", commandLine: String = "", modules: [BootRequest.Module] = [],
  bootProtocol: BootPlan.BootProtocol? = nil, megabytes: UInt64 = 64, vcpus: Int = 1
) throws -> BootRequest {
  let source = MemoryImage(bytes)
  return BootRequest(
    image: try KernelImage(source, for: bootProtocol), source: source, name: name, commandLine: commandLine,
    modules: modules,
    bootProtocol: bootProtocol, layout: RAMLayout(bytes: megabytes << 20),
    firmware: FirmwareTables(try BoardLayout(BoardOptions(vcpus: vcpus))))
}

func ram(megabytes: UInt64 = 64) throws -> GuestMemory {
  try GuestMemory.allocate(bytes: megabytes << 20, backend: .anonymous, preallocate: false)
}

extension GuestMemory {
  /// Text up to a zero.
  func text(at address: UInt64) throws -> String {
    var bytes: [UInt8] = []
    while true {
      let byte: UInt8 = try read(at: GuestAddress(address + UInt64(bytes.count)), .little)
      if byte == 0 { return String(decoding: bytes, as: UTF8.self) }
      bytes.append(byte)
    }
  }

  func number<Value: FixedWidthInteger & BitwiseCopyable>(_ address: UInt64) throws -> Value {
    try read(at: GuestAddress(address), .little)
  }
}

/// The message with which something is refused; nil where it is not.
func refusal(_ body: () throws -> Void) -> String? {
  do {
    try body()
    return nil
  } catch let error as BootError {
    return error.description
  } catch {
    return "another error: \(error)"
  }
}

let code = (0..<4096).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ 1) }

extension BootPlan.Entry.Mode {
  var isLong: Bool { if case .long = self { true } else { false } }

  var descriptors: BootPlan.Descriptors? {
    switch self {
    case .real, .reset: nil
    case .protected(let descriptors), .long(let descriptors, _): descriptors
    }
  }

  var pageTables: UInt64? { if case .long(_, let root) = self { root } else { nil } }
}
