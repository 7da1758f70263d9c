import GuestRAM

/// What a driver asks of a network interface through its control queue (virtio 1.2, section 5.1.6.5).
package struct NetControl: Sendable, Equatable {
  /// A command.
  package enum Command: Sendable, Equatable {
    /// VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET: so many pairs of queues are used, from the first on.
    case usePairs(Int)
    /// One of a class that was not offered, or that is cut.
    case unknown
  }

  /// How it ended: VIRTIO_NET_OK and VIRTIO_NET_ERR.
  package enum Answer: UInt8, Sendable {
    case ok = 0
    case error = 1
  }

  // VIRTIO_NET_CTRL_MQ (section 5.1.6.5.5).
  private static let multipleQueues: UInt8 = 4
  private static let setPairs: UInt8 = 0

  /// What is asked for.
  package let command: Command
  /// Where the answer goes: the last byte that the device may write.
  package let answer: GuestAddress

  /// Reads a command; copied once.
  ///
  /// - Throws: where it has no class and command, or no place for an answer.
  init(_ chain: DescriptorChain, _ memory: GuestMemory) throws(QueueFault) {
    guard let header = chain.header(2, memory) else {
      throw .request("a control command of \(chain.readableLength) bytes")
    }
    guard let last = chain.writable.last else { throw .request("no place for a control command's answer") }
    answer = last.address.advanced(by: UInt64(last.length) - 1)
    guard header == [NetControl.multipleQueues, NetControl.setPairs], let bytes = chain.header(4, memory)
    else {
      command = .unknown
      return
    }
    command = .usePairs(Int(bytes[2]) | Int(bytes[3]) << 8)
  }
}
