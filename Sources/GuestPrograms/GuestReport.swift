/// What a built-in guest says about its own run: the report block at guest physical address 0x7800
/// (docs/guest-abi.md).
package struct GuestReport: Sendable, Equatable {
  /// Guest physical address of the block.
  package static let address: UInt64 = 0x7800
  /// Size of the block in bytes.
  package static let byteCount = 96

  static let magic: UInt32 = 0x5450_5245

  /// How a guest's checks failed.
  package enum Failure: UInt32, Sendable, CaseIterable, CustomStringConvertible {
    /// A device delivered a value that was not written to it, or is not its own.
    case wrongValue = 1
    /// A request was not completed in time, or completed more often than it was made.
    case completion = 2
    /// An interrupt did not come.
    case interrupt = 3
    /// The parameter block makes no sense to the guest.
    case parameters = 4
    /// A secondary vCPU did not start.
    case vcpu = 5
    /// A device is not what its driver expects: another kind, or in need of a reset.
    case device = 6
    /// A request came back with an error, or with another length than it should have.
    case status = 7
    /// The disk is smaller than the part of it that the guest was told to use.
    case diskTooSmall = 8
    /// Whoever was connected to a port has left, with what was under way.
    case peer = 9
    /// A device lacks features that its driver needs.
    case features = 10
    /// A device has fewer queues than its driver was told to use.
    case queues = 11
    /// A queue has fewer entries than requests may be under way.
    case entries = 12
    /// A console has fewer ports than its driver uses.
    case ports = 13

    /// The failure in words.
    package var description: String {
      switch self {
      case .wrongValue: "wrong value read"
      case .completion: "completion lost or counted twice"
      case .interrupt: "interrupt missing"
      case .parameters: "bad parameters"
      case .vcpu: "secondary vCPU did not start"
      case .device: "device not as its driver expects"
      case .status: "request ended with an error"
      case .diskTooSmall: "disk too small for size × places"
      case .peer: "the peer of a port left"
      case .features: "the device lacks features that its driver needs"
      case .queues: "too few queues"
      case .entries: "a queue has too few entries"
      case .ports: "too few ports"
      }
    }
  }

  /// 0 if all went well, or the code that the guest also wrote to the debug exit port.
  package var failureCode: UInt32 = 0
  /// Iterations done, all vCPUs.
  package var iterations: UInt64 = 0
  /// Kicks made.
  package var kicks: UInt64 = 0
  /// Completions seen.
  package var completions: UInt64 = 0
  /// Device and timer interrupts taken that the guest waited for.
  package var interrupts: UInt64 = 0
  /// Writes to the marker port.
  package var marks: UInt64 = 0
  /// Port accesses that the VMM handles, other than kicks, marks and power-off: an exit each unless writes are coalesced.
  package var portAccesses: UInt64 = 0
  /// Memory-mapped accesses that the VMM handles, other than kicks and the I/O APIC's.
  package var memoryAccesses: UInt64 = 0
  /// Requests to a disk that were completed, by kind. Of a network interface or console, reads are the buffers that were
  /// received, and writes those that were sent.
  package var diskRequests = DiskRequests()
  /// What a failure is about (docs/guest-abi.md), such as the sector; 0 where that says nothing.
  package var detail: UInt64 = 0

  /// The failure, if there was one of the known kinds.
  package var failure: Failure? { Failure(rawValue: failureCode) }

  /// What ``detail`` is about, in words; nil where it says nothing.
  ///
  /// - Parameter device: the kind that the guest drives; nil for none.
  package func detailText(_ device: VirtioKind?) -> String? {
    guard let failure, let device else { return detail == 0 ? nil : "\(detail)" }
    switch (failure, device) {
    case (.wrongValue, .disk), (.status, .disk): return "sector \(detail)"
    case (.wrongValue, .network): return "packet \(detail)"
    case (.wrongValue, .console): return "word \(detail)"
    case (.wrongValue, .entropy):
      // A request has at most 64 KiB.
      return detail < 8192 ? "word \(detail)" : "bits 0x\(hex), the same in all words"
    case (.status, _): return "\(detail) bytes"
    // One that never came has no number.
    case (.completion, _) where detail == 0: return nil
    case (.completion, _): return "request \(detail)"
    case (.diskTooSmall, _): return "it has \(detail) sectors"
    case (.device, .console) where detail > 0: return "port \(detail)"
    case (.device, _): return nil
    case (.features, _) where detail == 0: return nil
    case (.features, _): return device.featureNames(of: detail).joined(separator: ", ")
    case (.queues, _): return "the device has \(detail)"
    case (.entries, _): return "it has \(detail)"
    case (.ports, _): return "the device has \(detail)"
    case (.peer, _): return nil
    case (.interrupt, _), (.parameters, _), (.vcpu, _): return detail == 0 ? nil : "\(detail)"
    }
  }

  private var hex: String { String(detail, radix: 16) }

  /// How the guest failed, in words, with what that is about; nil if it did not.
  ///
  /// - Parameter device: as in ``detailText(_:)``.
  package func failureText(_ device: VirtioKind?) -> String? {
    guard failureCode != 0 else { return nil }
    // Port 0 is one, too.
    if failure == .peer { return "the peer of port \(detail) left" }
    let about = detailText(device).map { " (\($0))" } ?? ""
    return (failure?.description ?? "code \(failureCode)") + about
  }

  init() {}

  /// Decodes the 96 bytes at ``address`` of a PC, or as far into the RAM of another board.
  ///
  /// - Parameter isBigEndian: the guest's byte order.
  /// - Throws: ``GuestError/badReport(_:)`` if there are fewer bytes, or the guest ended without writing its report.
  package init(decoding bytes: UnsafeRawBufferPointer, isBigEndian: Bool = false) throws(GuestError) {
    guard bytes.count >= Self.byteCount else {
      throw .badReport("\(bytes.count) bytes instead of \(Self.byteCount)")
    }
    func number<Number: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, _ type: Number.Type) -> Number {
      let value = bytes.loadUnaligned(fromByteOffset: offset, as: Number.self)
      return isBigEndian ? Number(bigEndian: value) : Number(littleEndian: value)
    }
    let magic = number(0, UInt32.self)
    guard magic == Self.magic else {
      throw .badReport("the guest ended without writing one")
    }
    func counter(_ offset: Int) -> UInt64 { number(offset, UInt64.self) }
    failureCode = number(4, UInt32.self)
    iterations = counter(8)
    kicks = counter(16)
    completions = counter(24)
    interrupts = counter(32)
    marks = counter(40)
    portAccesses = counter(48)
    memoryAccesses = counter(56)
    diskRequests = DiskRequests(reads: counter(64), writes: counter(72), flushes: counter(80))
    detail = counter(88)
  }
}
