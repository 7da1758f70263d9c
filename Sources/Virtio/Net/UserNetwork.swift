import CSlirp
import Glibc
import Platform

/// A network of the guest's own, in which this process is everybody else: `user` networking, as QEMU has it through libslirp.
///
/// The guest is behind address translation: its connections become sockets of this process, and ports of the host's lead to
/// it where that was asked for. Nothing of it needs privileges. Each frame of the guest's is copied once before it is parsed.
package final class UserNetwork: PacketBackend, @unchecked Sendable {
  /// A segment of 64 KiB with its Ethernet header: more is nobody's frame.
  private static let frameLimit = (64 << 10) + 14

  // Everything is accessed under the lock of the device that has the network.
  private let host: SlirpHost
  private let slirp: OpaquePointer
  /// The library keeps their address.
  private let callbacks: UnsafeMutablePointer<SlirpCb>
  private let frame: UnsafeMutableRawBufferPointer

  /// Makes a network, and listens at the host's ports that lead to the guest.
  ///
  /// - Throws: `UserNetworkError` with what was tried, what failed and what to do.
  package init(_ options: UserNetworkOptions) throws(UserNetworkError) {
    if let problem = options.problem { throw UserNetworkError(description: "user network: \(problem)") }
    if let failure = cslirp_load() {
      throw UserNetworkError(
        description: "user network: \(String(cString: failure)); install libslirp (Debian: libslirp0)")
    }
    let host: SlirpHost
    do {
      host = try SlirpHost()
    } catch {
      throw UserNetworkError(description: "user network: making descriptors failed: \(error)")
    }
    let callbacks = UnsafeMutablePointer<SlirpCb>.allocate(capacity: 1)
    callbacks.initialize(to: UserNetwork.callbacks)
    guard
      let slirp = UserNetwork.configuration(
        options, { cslirp_new($0, callbacks, Unmanaged.passUnretained(host).toOpaque()) })
    else {
      callbacks.deallocate()
      throw UserNetworkError(description: "user network: libslirp refuses it")
    }
    self.host = host
    self.callbacks = callbacks
    self.slirp = slirp
    frame = .allocate(byteCount: UserNetwork.frameLimit, alignment: 16)
    for forward in options.forwards { try add(forward, options) }
    // So that the first turn says what is waited for.
    host.wakeUp()
  }

  deinit {
    cslirp_cleanup(slirp)
    callbacks.deallocate()
    frame.deallocate()
  }

  // MARK: Setting up

  private static func configuration<Result>(
    _ options: UserNetworkOptions, _ body: (UnsafePointer<SlirpConfig>) -> Result
  ) -> Result {
    var configuration = SlirpConfig()
    configuration.version = 1
    configuration.restricted = options.isRestricted ? 1 : 0
    configuration.in_enabled = true
    configuration.vnetwork = in_addr(options.network)
    configuration.vnetmask = in_addr(options.mask)
    configuration.vhost = in_addr(options.host)
    configuration.vnameserver = in_addr(options.nameServer)
    configuration.vdhcp_start = in_addr(options.firstGuest)
    guard let name = options.guestName else { return body(&configuration) }
    return name.withCString {
      configuration.vhostname = $0
      return body(&configuration)
    }
  }

  private func add(
    _ forward: UserNetworkOptions.Forward, _ options: UserNetworkOptions
  ) throws(UserNetworkError) {
    errno = 0
    let result = cslirp_add_hostfwd(
      slirp, forward.isDatagram ? 1 : 0, in_addr(forward.hostAddress), CInt(forward.hostPort),
      in_addr(forward.guestAddress ?? options.firstGuest), CInt(forward.guestPort))
    guard result != 0 else { return }
    let error = Errno.current
    let advice =
      switch error {
      case .addressInUse: "somebody has that port; choose another"
      case .permissionDenied: "ports below 1024 need privileges; choose another"
      case .addressNotAvailable: "the host has no such address"
      default: "choose another"
      }
    throw UserNetworkError(
      description:
        "user network: listening at \(forward.isDatagram ? "udp" : "tcp") \(forward.hostAddress):\(forward.hostPort) failed: \(error); \(advice)"
    )
  }

  /// What the library calls; each with the host as the last argument. Without IPv6 it asks for no timers.
  private static var callbacks: SlirpCb {
    var callbacks = SlirpCb()
    callbacks.send_packet = { bytes, count, host in
      SlirpHost.of(host).packets.append(UnsafeRawBufferPointer(start: bytes, count: count))
      return count
    }
    callbacks.guest_error = { _, _ in }
    callbacks.clock_get_ns = { _ in Int64(truncatingIfNeeded: Clock.monotonic) }
    callbacks.register_poll_fd = { socket, host in SlirpHost.of(host).forget(socket) }
    callbacks.unregister_poll_fd = { socket, host in SlirpHost.of(host).forget(socket) }
    callbacks.notify = { host in SlirpHost.of(host).wakeUp() }
    return callbacks
  }

  // MARK: Packets

  package var pairs: Int { 1 }
  package func descriptor(pair: Int) -> CInt { host.descriptor }
  package var hasOffloads: Bool { false }
  package var keptWaiting: Errno? { host.keptWaiting }
  package func accept(_ offloads: PacketOffloads) {}
  package func use(pairs: Int) -> Bool { pairs == 1 }

  package func send(_ vectors: UnsafeMutableBufferPointer<iovec>, pair: Int) -> PacketTransfer {
    // The guest may change what it sends while it is parsed.
    var header = NetDevice.headerLength
    var count = 0
    for vector in vectors {
      let skipped = min(header, vector.iov_len)
      header -= skipped
      let part = UnsafeRawBufferPointer(start: vector.iov_base, count: vector.iov_len).dropFirst(skipped)
      guard part.count <= frame.count - count else { return .failed(Errno(rawValue: EMSGSIZE)) }
      UnsafeMutableRawBufferPointer(rebasing: frame[count...]).copyMemory(
        from: UnsafeRawBufferPointer(rebasing: part))
      count += part.count
    }
    cslirp_input(slirp, frame.baseAddress, CInt(count))
    // There may be answers, and sockets to wait for.
    host.wakeUp()
    return .done(NetDevice.headerLength + count)
  }

  package func receive(into buffer: UnsafeMutableRawBufferPointer, pair: Int) -> PacketTransfer {
    if host.packets.count == 0 { turn() }
    guard host.packets.count > 0 else { return .notNow }
    let header = UnsafeMutableRawBufferPointer(rebasing: buffer[..<NetDevice.headerLength])
    header.initializeMemory(as: UInt8.self, repeating: 0)
    let count = host.packets.take(
      into: UnsafeMutableRawBufferPointer(rebasing: buffer[NetDevice.headerLength...]))
    return .done(NetDevice.headerLength + count)
  }

  /// Has the library do what there is to do.
  private func turn() {
    guard host.look() else { return }
    let opaque = Unmanaged.passUnretained(host).toOpaque()
    cslirp_pollfds_poll(slirp, 0, { socket, host in SlirpHost.of(host).readiness(of: socket) }, opaque)
    host.spareListeners()
    host.beginFill()
    var timeout = UInt32.max
    cslirp_pollfds_fill(
      slirp, &timeout,
      { socket, events, host in
        SlirpHost.of(host).wait(for: socket, events)
        // What it asks for it by, later.
        return socket
      }, opaque)
    host.endFill(timeout: timeout)
  }
}

extension SlirpHost {
  fileprivate static func of(_ opaque: UnsafeMutableRawPointer?) -> SlirpHost {
    Unmanaged<SlirpHost>.fromOpaque(opaque!).takeUnretainedValue()
  }
}

extension in_addr {
  fileprivate init(_ address: IPv4Address) { self.init(s_addr: address.value.bigEndian) }
}

/// A network that cannot be had.
package struct UserNetworkError: Error, Sendable, CustomStringConvertible {
  /// What was tried, what went wrong and what to do.
  package let description: String
}
