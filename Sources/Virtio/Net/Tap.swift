import CLinux
import Glibc
import Platform

/// A tap interface of the host: Ethernet frames with virtio's header in front (tun(4), IFF_VNET_HDR).
package final class Tap: PacketBackend {
  /// Its name, at most 15 bytes.
  package let name: String
  private let file: FileDescriptor

  /// Attaches to a tap interface, or makes one, which is then switched on and goes away with this object.
  ///
  /// - Throws: `TapError` with what was tried, what failed and what to do.
  package init(_ name: String) throws(TapError) {
    guard !name.isEmpty, name.utf8.count < Int(IFNAMSIZ),
      !name.utf8.contains(where: { $0 <= 32 || $0 == 0x2f })
    else { throw TapError(description: "tap '\(name)': an interface has a name of 1 to 15 characters") }
    self.name = name
    let exists = if_nametoindex(name) != 0
    do {
      file = try FileDescriptor.open("/dev/net/tun", O_RDWR | O_NONBLOCK)
    } catch {
      let advice =
        error == .noSuchFileOrDirectory ? "load the module tun" : "it has to be readable and writable"
      throw TapError(description: "tap \(name): opening /dev/net/tun failed: \(error); \(advice)")
    }
    let failure = clinux_tap_attach(file.raw, name)
    guard failure == 0 else { throw Tap.refusal(name, Errno(rawValue: -failure), exists: exists) }
    let sized = clinux_tap_set_header_length(file.raw, CInt(NetDevice.headerLength))
    guard sized == 0 else {
      throw TapError(description: "tap \(name): its headers cannot be virtio's: \(Errno(rawValue: -sized))")
    }
    guard !exists else { return }
    let up = clinux_interface_up(name)
    guard up == 0 else {
      throw TapError(description: "tap \(name) was made and cannot be switched on: \(Errno(rawValue: -up))")
    }
  }

  private static func refusal(_ name: String, _ error: Errno, exists: Bool) -> TapError {
    let advice =
      switch error {
      case .notPermitted, .permissionDenied:
        exists
          ? "it belongs to another user; make it with ip tuntap add \(name) mode tap user $USER"
          : "making an interface needs privileges: sudo ip tuntap add \(name) mode tap user $USER"
      case .resourceBusy: "somebody else is attached to it"
      case .invalidArgument: "an interface of that name exists and is no tap with one queue"
      default: "choose another"
      }
    return TapError(description: "tap \(name): attaching failed: \(error); \(advice)")
  }

  package var descriptor: CInt { file.raw }
  package var hasOffloads: Bool { true }

  package func accept(_ offloads: PacketOffloads) {
    // Refused combinations, such as segmentation without checksums, are what virtio does not allow either.
    _ = clinux_tap_set_offloads(file.raw, offloads.rawValue)
  }

  package func send(_ vectors: UnsafeMutableBufferPointer<iovec>) -> PacketTransfer {
    result { writev(file.raw, vectors.baseAddress, CInt(vectors.count)) }
  }

  package func receive(into buffer: UnsafeMutableRawBufferPointer) -> PacketTransfer {
    result { read(file.raw, buffer.baseAddress, buffer.count) }
  }

  private func result(_ call: () -> Int) -> PacketTransfer {
    while true {
      let count = call()
      if count >= 0 { return .done(count) }
      switch Errno.current {
      case .interrupted: continue
      case .resourceTemporarilyUnavailable: return .notNow
      case let error: return .failed(error)
      }
    }
  }
}

/// A tap that cannot be had.
package struct TapError: Error, Sendable, CustomStringConvertible {
  /// What was tried, what went wrong and what to do.
  package let description: String
}
