import Foundation
import Platform
import Testing

/// A run under strace(1): its arguments, what its exit status should be, and who is there meanwhile.
struct TracedCase {
  var arguments: [String]
  var status: Int32 = 0
  /// Whether somebody types while it goes on.
  var isTypedTo = false
  /// The network namespace that it runs in.
  var namespace: String?
  /// A shell command that runs beside it, and is ended with it.
  var company: String?
  /// Sockets of ports that give back what the guest says.
  var echoing: [String] = []

  init(_ arguments: String) {
    self.arguments = arguments.split(separator: " ").map(String.init)
  }

  private init(
    image: [UInt8], named name: String, in directory: URL, status: Int32, isTypedTo: Bool = false
  )
    throws
  {
    let file = directory.appendingPathComponent(name)
    try Data(image).write(to: file)
    arguments = ["--flat", file.path] + (status == 6 ? ["--timeout", isTypedTo ? "2s" : "1s"] : [])
    self.status = status
    self.isTypedTo = isTypedTo
  }

  /// Every kind of device in every way that it can be called.
  static func all(in directory: URL, network: NetworkNamespace) throws -> [TracedCase] {
    let disk = directory.appendingPathComponent("disk")
    try Data(count: 4 << 20).write(to: disk)
    let workers = "--drive file=\(disk.path),id=d,aio=threads --device virtio-blk-device,drive=d"
    var cases = [
      TracedCase("--guest doorbell iterations=30"),
      TracedCase("--guest doorbell iterations=30 wait=interrupt --ioeventfd off --irqfd off"),
      TracedCase("--guest doorbell iterations=30 wait=interrupt --irqfd off --trace-locks"),
      TracedCase("--guest doorbell iterations=30 wait=interrupt --iothread-poll 50us --stats-interval 5ms"),
      TracedCase("--guest doorbell iterations=30 wait=interrupt --irqchip split"),
      TracedCase("--guest port-io iterations=30 writes=9 --coalesced-io on"),
      TracedCase("--guest smp iterations=30 --cpus 2 --coalesced-io on --trace-rip"),
      TracedCase("--guest doorbell iterations=30 wait=interrupt --irqchip split --irqfd off"),
      TracedCase(
        "--guest doorbell iterations=30 wait=interrupt --irqchip split --irqfd off --ioeventfd off"),
      TracedCase("--guest mixed iterations=200 --cpus 2 --iothreads 2 --serial \(directory.path)/serial"),
      TracedCase("--guest blk iterations=60 depth=8 flush=5 wait=interrupt"),
      TracedCase("--guest blk iterations=60 depth=8 flush=5 wait=interrupt --ioeventfd off --irqfd off"),
      TracedCase("--guest blk iterations=60 depth=8 flush=5 wait=interrupt --wait select"),
      TracedCase("--guest blk iterations=60 depth=8 flush=5 wait=interrupt --wait io_uring"),
      TracedCase("--guest blk iterations=60 depth=8 flush=5 wait=interrupt --wait io_uring --ioeventfd off"),
      TracedCase("--guest doorbell iterations=30 wait=interrupt --wait io_uring --poll-max-ns 50000"),
      TracedCase("--guest blk iterations=60 depth=8 flush=5 wait=interrupt \(workers)"),
      TracedCase(
        "--guest blk iterations=60 depth=8 flush=5 wait=interrupt \(workers),num-queues=2,ioeventfd=off"),
      // mov $0xfe,%al; out %al,$0x64: resets, again and again, until the time limit.
      try TracedCase(image: [0xb0, 0xfe, 0xe6, 0x64], named: "resets", in: directory, status: 6),
      // ud2, with no interrupt vectors: crashes.
      try TracedCase(image: [0x0f, 0x0b], named: "crashes", in: directory, status: 4),
      // The real-time clock's periodic interrupt, 1024 Hz, which is taken back by reading register C for ever.
      try TracedCase(
        image: [
          0xb0, 0x0a, 0xe6, 0x70, 0xb0, 0x26, 0xe6, 0x71, 0xb0, 0x0b, 0xe6, 0x70, 0xb0, 0x42, 0xe6, 0x71,
          0xb0, 0x0c, 0xe6, 0x70, 0xe4, 0x71, 0xeb, 0xf8,
        ], named: "clock", in: directory, status: 6, isTypedTo: true),
    ]
    for (number, ioeventfd) in ["on", "off"].enumerated() {
      let kicks = "--ioeventfd \(ioeventfd)"
      cases.append(TracedCase("--guest rng iterations=30 wait=interrupt \(kicks)"))
      cases.append(TracedCase("--guest console iterations=30 wait=interrupt \(kicks)"))
      cases.append(sockets("--guest console iterations=30 wait=interrupt \(kicks)", in: directory, number))
      cases.append(try ownNetwork("--guest net iterations=30 wait=interrupt \(kicks)"))
      cases.append(tap("--guest net iterations=30 wait=interrupt \(kicks)", network))
    }
    if GuestKernel.isBuilt {
      var linux = TracedCase("--timeout 8s")
      linux.arguments += [
        "--kernel", GuestKernel.path("vmlinux"), "--initrd", GuestKernel.path("initrd"), "--append",
        GuestKernel.commandLine,
      ]
      linux.status = 6
      cases.append(linux)
    }
    return cases
  }

  /// Its two ports are sockets, whose peers come when the run has begun.
  private static func sockets(_ arguments: String, in directory: URL, _ number: Int) -> TracedCase {
    let sockets = ["a", "b"].map { directory.appendingPathComponent("\($0)\(number)").path }
    var item = TracedCase(
      "\(arguments) --device virtio-serial-device --chardev socket,id=a,path=\(sockets[0]),server=on"
        + " --device virtconsole,chardev=a --chardev socket,id=b,path=\(sockets[1]),server=on"
        + " --device virtserialport,chardev=b,name=b")
    item.echoing = sockets
    return item
  }

  /// On a network of its own, with datagrams and a connection that come through forwards.
  private static func ownNetwork(_ arguments: String) throws -> TracedCase {
    let port = try LoopbackPort.free()
    var item = TracedCase(
      "\(arguments) address=10.0.2.15 --netdev"
        + " user,id=n,hostfwd=udp:127.0.0.1:\(port)-:7,hostfwd=tcp:127.0.0.1:\(port)-:7"
        + " --device virtio-net-device,netdev=n")
    item.company = """
      exec bash -c 'exec 3<>/dev/udp/127.0.0.1/\(port)
        for i in $(seq 3000); do echo $i >&3; exec 4<>/dev/tcp/127.0.0.1/\(port); sleep 0.01; done'
      """
    return item
  }

  /// On a tap, with the host asking it.
  private static func tap(_ arguments: String, _ network: NetworkNamespace) -> TracedCase {
    var item = TracedCase("\(arguments) address=\(NetworkNamespace.guest) --net tap:tap0")
    item.namespace = network.name
    item.company =
      "exec ip netns exec \(network.name) ping -q -i 0.01 -w 30 \(NetworkNamespace.guest)"
    return item
  }
}

/// The peer of a port's socket, which gives back what comes, on a thread of its own.
enum EchoPeer {
  /// Connects when the guest runs, within a minute, and stays until the other end is closed. A peer that came before would be
  /// accepted before too, when calls do not count yet.
  static func start(_ path: String, whenLogged log: URL) {
    Thread {
      let end = Date(timeIntervalSinceNow: 60)
      while Date() < end {
        if let text = try? Data(contentsOf: log), text.firstRange(of: Data("KVM_RUN".utf8)) != nil,
          let socket = try? UnixSocket.connect(path)
        {
          return echo(socket)
        }
        usleep(5000)
      }
    }.start()
  }

  private static func echo(_ socket: borrowing FileDescriptor) {
    var bytes = [UInt8](repeating: 0, count: 4096)
    while true {
      wait(for: POLLIN, of: socket)
      let count = recv(socket.raw, &bytes, bytes.count, 0)
      guard count > 0 else { return }
      var sent = 0
      while sent < count {
        wait(for: POLLOUT, of: socket)
        let part = bytes[sent..<count].withUnsafeBytes {
          send(socket.raw, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
        }
        guard part > 0 else { return }
        sent += part
      }
    }
  }

  private static func wait(for events: CInt, of socket: borrowing FileDescriptor) {
    var state = pollfd(fd: socket.raw, events: Int16(events), revents: 0)
    poll(&state, 1, -1)
  }
}
