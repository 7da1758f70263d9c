/// The block at guest physical address 0x7000 that tells a built-in guest what to do (docs/guest-abi.md).
package enum ParameterBlock {
  /// Guest physical address of the block.
  package static let address: UInt64 = 0x7000
  /// Size of the block in bytes.
  package static let byteCount = 64

  static let magic: UInt32 = 0x4e58_4531
}

extension GuestProgram {
  /// The parameter block for these arguments on this machine: 64 bytes to write at ``ParameterBlock/address``.
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
    var block: [UInt8] = []
    block.reserveCapacity(ParameterBlock.byteCount)
    block.append(littleEndian: ParameterBlock.magic)
    block.append(littleEndian: UInt32(machine.vcpus))
    block.append(littleEndian: arguments.iterations)
    block.append(littleEndian: arguments.spacing)
    block.append(littleEndian: flags)
    block.append(littleEndian: machine.tscKilohertz)
    switch requirements.virtio {
    case .disk: block.append(littleEndian: requests.queues)
    case .network: block.append(littleEndian: arguments.address)
    case .entropy, .console, nil: block.append(littleEndian: arguments.parameter)
    }
    block.append(littleEndian: device?.registers ?? 0)
    block.append(littleEndian: device?.line ?? 0)
    for number in [
      requests.size, requests.depth, requests.batch, requests.reads, requests.flush, requests.places,
    ] {
      block.append(littleEndian: number)
    }
    return block
  }
}

extension [UInt8] {
  fileprivate mutating func append(littleEndian value: some FixedWidthInteger) {
    Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
  }
}
