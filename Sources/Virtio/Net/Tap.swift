import CLinux
import Glibc
import Platform

/// A tap interface of the host: Ethernet frames with virtio's header in front (tun(4), IFF_VNET_HDR), in one queue or several
/// (IFF_MULTI_QUEUE).
package final class Tap: PacketBackend {
  /// Its name, at most 15 bytes.
  package let name: String
  /// One for each queue.
  private let files: [Queue]

  /// An array cannot hold noncopyable descriptors.
  private final class Queue: Sendable {
    let file: FileDescriptor
    init(_ file: consuming FileDescriptor) { self.file = file }
  }

  /// Attaches to a tap interface, or makes one, which is then switched on and goes away with this object.
  ///
  /// - Parameter pairs: queues in both directions, of which the first is used.
  /// - Throws: `TapError` with what was tried, what failed and what to do.
  package init(_ name: String, pairs: Int = 1) throws(TapError) {
    if let problem = Tap.problem(ofName: name) { throw TapError(description: "tap '\(name)': \(problem)") }
    self.name = name
    let exists = if_nametoindex(name) != 0
    var files: [Queue] = []
    for _ in 0..<pairs {
      files.append(Queue(try Tap.attach(name, hasSeveral: pairs > 1, exists: exists || !files.isEmpty)))
    }
    self.files = files
    guard use(pairs: 1) else { throw TapError(description: "tap \(name): its queues cannot be switched off") }
    guard !exists else { return }
    let up = clinux_interface_up(name)
    guard up == 0 else {
      throw TapError(description: "tap \(name) was made and cannot be switched on: \(Errno(rawValue: -up))")
    }
  }

  /// What is wrong with an interface's name (the kernel's dev_valid_name); nil where nothing is.
  private static func problem(ofName name: String) -> String? {
    guard !name.isEmpty, name.utf8.count < Int(IFNAMSIZ) else {
      return "an interface has a name of 1 to \(IFNAMSIZ - 1) bytes"
    }
    guard name != ".", name != ".." else { return "no interface can have that name" }
    // A pattern, of which the kernel would make another name: tap%d.
    let isRefused: (UInt8) -> Bool = { $0 <= 32 || $0 == 127 || "/:%".utf8.contains($0) }
    guard let first = name.utf8.first(where: isRefused) else { return nil }
    let what = first <= 32 || first == 127 ? "blanks or control characters" : "'\(UnicodeScalar(first))'"
    return "an interface's name has no \(what) in it"
  }

  /// Whether the interface is switched off: the host has nothing for it then, and takes nothing from it.
  package var notice: String? {
    guard clinux_interface_is_up(name) == 0 else { return nil }
    return "tap \(name) is down: no packets until it is switched on (ip link set \(name) up)"
  }

  private static func attach(
    _ name: String, hasSeveral: Bool, exists: Bool
  ) throws(TapError) -> FileDescriptor {
    let file: FileDescriptor
    do {
      file = try FileDescriptor.open("/dev/net/tun", O_RDWR | O_NONBLOCK)
    } catch {
      let advice =
        error == .noSuchFileOrDirectory ? "load the module tun" : "it has to be readable and writable"
      throw TapError(description: "tap \(name): opening /dev/net/tun failed: \(error); \(advice)")
    }
    let failure = clinux_tap_attach(file.raw, name, hasSeveral)
    guard failure == 0 else {
      throw refusal(name, Errno(rawValue: -failure), hasSeveral: hasSeveral, exists: exists)
    }
    let sized = clinux_tap_set_header_length(file.raw, CInt(NetDevice.headerLength))
    guard sized == 0 else {
      throw TapError(description: "tap \(name): its headers cannot be virtio's: \(Errno(rawValue: -sized))")
    }
    return file
  }

  private static func refusal(
    _ name: String, _ error: Errno, hasSeveral: Bool, exists: Bool
  ) -> TapError {
    let kind = hasSeveral ? "mode tap multi_queue" : "mode tap"
    let advice =
      switch error {
      case .notPermitted, .permissionDenied:
        exists
          ? "it belongs to another user; make it with ip tuntap add \(name) \(kind) user $USER"
          : "making an interface needs privileges: sudo ip tuntap add \(name) \(kind) user $USER"
      case .resourceBusy: "somebody else is attached to it"
      case .invalidArgument:
        hasSeveral
          ? "an interface of that name exists and is no tap with several queues (\(kind))"
          : "an interface of that name exists and is no tap with one queue"
      case .argListTooLong: "it has not as many queues free; give fewer"
      default: "choose another"
      }
    return TapError(description: "tap \(name): attaching failed: \(error); \(advice)")
  }

  package var pairs: Int { files.count }
  package func descriptor(pair: Int) -> CInt { files[pair].file.raw }
  package var hasOffloads: Bool { true }

  package func accept(_ offloads: PacketOffloads) {
    // Of the interface, not of a queue. Refused combinations, such as segmentation without checksums, are what virtio does not
    // allow either.
    _ = clinux_tap_set_offloads(files[0].file.raw, offloads.rawValue)
  }

  package func use(pairs: Int) -> Bool {
    // The first is always used. A queue that is as it should be already says EINVAL.
    for (index, queue) in files.enumerated().dropFirst() {
      let failure = clinux_tap_use_queue(queue.file.raw, index < pairs)
      guard failure == 0 || failure == -EINVAL else { return false }
    }
    return true
  }

  package func send(_ vectors: UnsafeMutableBufferPointer<iovec>, pair: Int) -> PacketTransfer {
    result { writev(files[pair].file.raw, vectors.baseAddress, CInt(vectors.count)) }
  }

  package func receive(into buffer: UnsafeMutableRawBufferPointer, pair: Int) -> PacketTransfer {
    result { read(files[pair].file.raw, buffer.baseAddress, buffer.count) }
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
