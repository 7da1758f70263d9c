/// The block at guest physical address 0x7000 that tells a built-in guest what to do (docs/guest-abi.md).
package enum ParameterBlock {
  /// Guest physical address of the block.
  package static let address: UInt64 = 0x7000
  /// Size of the block in bytes.
  package static let byteCount = 64

  static let magic: UInt32 = 0x4e58_4531
}

extension GuestProgram {
  /// The parameter block for these arguments on this machine: 64 bytes to write at ``ParameterBlock/address``, from the beginning of
  /// RAM on, in the guest's byte order.
  ///
  /// - Throws: ``GuestError`` if the machine lacks what the guest needs.
  package func parameterBlock(
    _ arguments: GuestArguments, on machine: GuestMachine
  ) throws(GuestError) -> [UInt8] {
    try check(arguments, on: machine)
    var flags: UInt32 = 0
    if arguments.window == .memory { flags |= 1 << 0 }
    if arguments.wait == .interrupt { flags |= 1 << 1 }
    if machine.interruptController != .none { flags |= 1 << 2 }
    let requests = arguments.requests
    if requests.order == .random { flags |= 1 << 3 }
    if requests.announcement == .flushes { flags |= 1 << 4 }
    flags |= (arguments.devices - 1) << 8
    let device = requirements.virtio.flatMap(machine.device)
    var block = Numbers(isBigEndian: architecture.isBigEndian)
    block.append(ParameterBlock.magic)
    block.append(UInt32(machine.vcpus))
    block.append(arguments.iterations)
    block.append(arguments.spacing)
    block.append(flags)
    block.append(machine.tscKilohertz)
    switch requirements.virtio {
    case .disk: block.append(requests.queues)
    case .network: block.append(arguments.address)
    case .entropy, .console, nil: block.append(arguments.parameter)
    }
    block.append(device?.registers ?? 0)
    block.append(device?.line ?? 0)
    for number in [
      requests.size, requests.depth, requests.batch, requests.reads, requests.flush, requests.places,
    ] {
      block.append(number)
    }
    return block.bytes
  }
}

/// Numbers one after the other, in a byte order.
private struct Numbers {
  let isBigEndian: Bool
  private(set) var bytes: [UInt8] = []

  init(isBigEndian: Bool) { self.isBigEndian = isBigEndian }

  mutating func append(_ value: some FixedWidthInteger) {
    Swift.withUnsafeBytes(of: isBigEndian ? value.bigEndian : value.littleEndian) {
      bytes.append(contentsOf: $0)
    }
  }
}
