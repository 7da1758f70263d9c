/// What becomes of a disk's data on the host: QEMU's `cache`.
package enum CacheMode: String, Sendable, Codable, CaseIterable {
  /// Through the host's page cache; durable with a flush.
  case writeback
  /// Past the page cache (O_DIRECT of open(2)); durable with a flush, which empties the device's own cache.
  case none
  /// Through the page cache; durable as it completes.
  case writethrough
  /// Past the page cache; durable as it completes.
  case directsync
  /// Through the page cache; a flush does nothing, so that what the host loses is lost.
  case unsafe

  /// Whether the page cache is gone past.
  package var isDirect: Bool { self == .none || self == .directsync }

  /// Whether the driver is told that there is a cache to be flushed (VIRTIO_BLK_F_FLUSH). One that is not takes each write as
  /// durable when it completes (virtio 1.2, section 5.2.6.2).
  package var hasFlush: Bool { self != .writethrough && self != .directsync }

  /// Whether anything is made durable.
  var isDurable: Bool { self != .unsafe }
}
