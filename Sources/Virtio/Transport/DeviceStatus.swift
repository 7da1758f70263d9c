/// How far driver and device have come with each other (virtio 1.2, section 2.1).
package struct DeviceStatus: OptionSet, Sendable {
  /// As the register has it.
  package let rawValue: UInt32

  /// Takes a register's value.
  package init(rawValue: UInt32) { self.rawValue = rawValue }

  /// The guest noticed the device.
  package static let acknowledge = DeviceStatus(rawValue: 1)
  /// The guest can drive it.
  package static let driver = DeviceStatus(rawValue: 2)
  /// The driver is ready.
  package static let driverOK = DeviceStatus(rawValue: 4)
  /// The features are agreed on.
  package static let featuresOK = DeviceStatus(rawValue: 8)
  /// The device can go on only after a reset: the driver broke one of its queues.
  package static let needsReset = DeviceStatus(rawValue: 64)
  /// The driver has given up.
  package static let failed = DeviceStatus(rawValue: 128)

  /// What a driver may set.
  static let ofDriver: DeviceStatus = [.acknowledge, .driver, .driverOK, .featuresOK, .failed]
}

/// Features that are the transport's and the rings', not a device's (section 6).
package enum CommonFeature {
  /// VIRTIO_F_INDIRECT_DESC.
  package static let indirectDescriptors: UInt64 = 1 << 28
  /// VIRTIO_F_EVENT_IDX.
  package static let eventIndex: UInt64 = 1 << 29
  /// VIRTIO_F_VERSION_1: without it a driver speaks another protocol.
  package static let version1: UInt64 = 1 << 32

  /// All that are offered.
  static let offered: UInt64 = indirectDescriptors | eventIndex | version1
}
