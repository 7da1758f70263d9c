extension VirtioKind {
  /// The names of feature bits (virtio 1.2, section 6, and 5.1.3, 5.2.3 and 5.3.3) that the drivers of
  /// Sources/CVirtioGuests may need.
  private var names: [(bit: Int, name: String)] {
    let own: [(bit: Int, name: String)] =
      switch self {
      case .disk: [(12, "VIRTIO_BLK_F_MQ")]
      case .network: [(5, "VIRTIO_NET_F_MAC"), (15, "VIRTIO_NET_F_MRG_RXBUF")]
      case .console: [(1, "VIRTIO_CONSOLE_F_MULTIPORT")]
      case .entropy: []
      }
    return own + [(28, "VIRTIO_F_INDIRECT_DESC"), (29, "VIRTIO_F_EVENT_IDX"), (32, "VIRTIO_F_VERSION_1")]
  }

  /// Features by name, the lowest bit first, and at the end those without one as a number.
  func featureNames(of features: UInt64) -> [String] {
    var rest = features
    var found: [String] = []
    for (bit, name) in names where rest & 1 << bit != 0 {
      found.append(name)
      rest &= ~(1 << bit)
    }
    if rest != 0 { found.append("0x" + String(rest, radix: 16)) }
    return found
  }
}
