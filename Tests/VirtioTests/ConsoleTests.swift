import Devices
import Glibc
import GuestRAM
import Platform
import RingDriver
import TestSupport
import Testing

@testable import Virtio

private func readable(_ peer: borrowing FileDescriptor, _ limit: Int = 1 << 20) -> [UInt8]? {
  var failure: Errno?
  let bytes = [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
    do throws(Errno) { count = try peer.read(into: UnsafeMutableRawBufferPointer(buffer)) } catch {
      failure = error
    }
  }
  return failure == nil ? bytes : nil
}

@Suite("A virtio console with several ports")
struct ConsoleTests {
  private func with(_ body: (ConsoleBench) throws -> Void) throws {
    try withTemporaryDirectory { try body(try ConsoleBench($0)) }
  }

  @Test("It is what drivers look for: type 3, two queues for each port and two more, the number of ports")
  func identity() throws {
    try with { bench in
      #expect(bench.transport.read(0x08) == 3)
      #expect(MMIODriver.offered(bench.transport) & 7 == 2)
      #expect(bench.transport.read(0x104) == 2)
      #expect(bench.transport.read(0x100) == 0 && bench.transport.read(0x108) == 0)
      for (queue, size): (UInt64, UInt64) in [(5, 128), (6, 0)] {
        bench.transport.write(queue, MMIODriver.queueSelector)
        #expect(bench.transport.read(MMIODriver.queueSizeMaximum) == size)
      }
    }
  }

  @Test("Ports are announced, named and opened in the order that drivers expect, as buffers for that come")
  func announcements() throws {
    try with { bench in
      try bench.tell(0, .deviceReady, 1)
      #expect(try bench.heard().isEmpty)
      try bench.giveControlBuffers(1)
      #expect(try bench.heard() == [ConsoleBench.message(0, .portAdd, 1)])
      try bench.giveControlBuffers(8)
      #expect(try bench.heard() == [ConsoleBench.message(1, .portAdd, 1)])
      try bench.tell(0, .portReady, 1)
      #expect(
        try bench.heard() == [
          ConsoleBench.message(0, .consolePort, 1), ConsoleBench.message(0, .portOpen, 1),
        ])
      try bench.tell(1, .portReady, 1)
      #expect(try bench.heard() == [ConsoleBench.message(1, .portName, 1, ConsoleBench.name)])
      // Somebody connects, leaves, and another comes.
      do {
        let peer = try bench.open()
        #expect(try bench.heard() == [ConsoleBench.message(1, .portOpen, 1)])
        #expect(peer.raw >= 0)
        _ = try bench.rings[4].add([.init(0x30000, 64, isWritable: true)])
        try bench.kick(4)
      }
      bench.turn()
      bench.turn()
      #expect(try bench.heard() == [ConsoleBench.message(1, .portOpen, 0)])
      let other = try UnixSocket.connect(bench.socket)
      bench.turn()
      bench.turn()
      #expect(try bench.heard() == [ConsoleBench.message(1, .portOpen, 1)])
      #expect(other.raw >= 0)
    }
  }

  @Test("What the guest sends arrives, and each request is in the trace")
  func data() throws {
    try with { bench in
      let peer = try bench.open()
      try bench.send(5, Array("from the guest".utf8))
      #expect(try bench.rings[5].takeUsed().map(\.written) == [0])
      #expect(readable(peer) == Array("from the guest".utf8))
      #expect(bench.observer.events == [.began(queue: 5, id: 0), .ended(queue: 5, id: 0)])
    }
  }

  @Test("What comes is read only into buffers that are there, by a guest that has the port open")
  func receiving() throws {
    try with { bench in
      let peer = try UnixSocket.connect(bench.socket)
      bench.turn()
      let bytes = (0..<100).map { UInt8($0) }
      try bytes.withUnsafeBytes { try peer.writeAll($0) }
      _ = try bench.rings[4].add([.init(0x30000, 64, isWritable: true)])
      try bench.kick(4)
      bench.turn()
      #expect(try bench.rings[4].takeUsed().isEmpty, "not open yet")
      try bench.tell(1, .portOpen, 1)
      bench.turn()
      #expect(try bench.rings[4].takeUsed().map(\.written) == [64])
      bench.turn()
      bench.turn()
      _ = try bench.rings[4].add([.init(0x30040, 64, isWritable: true)])
      try bench.kick(4)
      bench.turn()
      #expect(try bench.rings[4].takeUsed().map(\.written) == [36])
      #expect(try bench.memory.read(count: 100, at: GuestAddress(0x30000)) == bytes)
      #expect(
        bench.observer.events == [
          .began(queue: 4, id: 0), .ended(queue: 4, id: 0), .began(queue: 4, id: 1), .ended(queue: 4, id: 1),
        ])
    }
  }

  @Test("Who has made something of RAM is told of what came, when it is there")
  func told() throws {
    try with { bench in
      let peer = try bench.open()
      let bytes = (1...100).map { UInt8($0) }
      _ = try bench.rings[4].add([.init(0x30000, 100, isWritable: true)])
      try bench.kick(4)
      let told = ToldWrites(of: bench.memory)
      try bytes.withUnsafeBytes { try peer.writeAll($0) }
      bench.turn()
      told.stop()
      #expect(try bench.rings[4].takeUsed().map(\.written) == [100])
      #expect(told.pieces == [.init(0x30000, bytes)])
    }
  }

  @Test("A peer that takes nothing holds its own port back, and nothing is lost when it takes again")
  func backPressure() throws {
    try with { bench in
      let peer = try bench.open()
      let piece = 200_000
      var sent: [UInt8] = []
      // More than a socket holds.
      for index in 0..<8 {
        let bytes = (0..<piece).map { UInt8(truncatingIfNeeded: $0 / 7 + index) }
        try bench.send(5, bytes, at: 0x40000 + UInt64(index * piece))
        sent += bytes
      }
      var done = try bench.rings[5].takeUsed().count
      #expect(done < 8)
      for _ in 0..<5 { bench.turn() }
      #expect(try bench.rings[5].takeUsed().isEmpty)
      // The other port goes on.
      try bench.send(1, Array("console".utf8))
      #expect(try bench.rings[1].takeUsed().count == 1)
      var taken: [UInt8] = []
      while let bytes = readable(peer), !bytes.isEmpty {
        taken += bytes
        bench.turn()
      }
      done += try bench.rings[5].takeUsed().count
      #expect(done == 8)
      #expect(taken == sent)
    }
  }

  @Test("With nobody connected what is sent is nobody's; a peer that leaves in the middle frees the guest")
  func gone() throws {
    try with { bench in
      try bench.tell(1, .portOpen, 1)
      try bench.send(5, [1, 2, 3])
      #expect(try bench.rings[5].takeUsed().count == 1)
      do {
        let peer = try UnixSocket.connect(bench.socket)
        bench.turn()
        for index in 0..<4 {
          try bench.send(5, [UInt8](repeating: 7, count: 400_000), at: 0x40000 + UInt64(index * 400_000))
        }
        #expect(try bench.rings[5].takeUsed().count < 4)
        #expect(peer.raw >= 0)
      }
      for _ in 0..<3 { bench.turn() }
      let requests = bench.observer.events
      #expect(requests.count == 10)
      // The next peer gets what is sent from now on.
      let next = try UnixSocket.connect(bench.socket)
      bench.turn()
      try bench.send(5, [9])
      #expect(readable(next) == [9])
    }
  }

  @Test("Peers that say something and leave make room for the next one, though nobody in the guest listens")
  func leaving() throws {
    try with { bench in
      try bench.giveControlBuffers(16)
      for round in 0..<20 {
        do {
          let peer = try UnixSocket.connect(bench.socket)
          try [1 as UInt8, 2, 3].withUnsafeBytes { try peer.writeAll($0) }
          bench.turn()
          // One that has only said all that it had to say is still there.
          if round == 0 {
            #expect(shutdown(peer.raw, CInt(SHUT_WR)) == 0)
            for _ in 0..<3 { bench.turn() }
            try bench.send(5, [9])
            #expect(readable(peer) == [9])
          }
        }
        bench.turn()
      }
      // What they said is nobody's: the guest that opens the port hears the last one only.
      let last = try UnixSocket.connect(bench.socket)
      try [7 as UInt8].withUnsafeBytes { try last.writeAll($0) }
      bench.turn()
      _ = try bench.rings[4].add([.init(0x30000, 64, isWritable: true)])
      try bench.kick(4)
      try bench.tell(1, .portOpen, 1)
      bench.turn()
      #expect(try bench.rings[4].takeUsed().map(\.written) == [1])
      #expect(try bench.memory.read(count: 1, at: GuestAddress(0x30000)) == [7])
    }
  }

  @Test("A guest that has the port open hears what was said before its peer left; then the next is served")
  func lastWords() throws {
    try with { bench in
      for closes in [false, true] {
        do {
          let peer = try bench.open()
          try [UInt8](repeating: 4, count: 100).withUnsafeBytes { try peer.writeAll($0) }
        }
        for _ in 0..<3 { bench.turn() }
        #expect(!bench.isReady, "it waits for buffers, not for the peer")
        if closes {
          try bench.tell(1, .portOpen, 0)
        } else {
          for _ in 0..<3 {
            _ = try bench.rings[4].add([.init(0x30000, 64, isWritable: true)])
            try bench.kick(4)
            bench.turn()
          }
          #expect(try bench.rings[4].takeUsed().map(\.written) == [64, 36])
        }
        bench.turn()
        let next = try UnixSocket.connect(bench.socket)
        bench.turn()
        try bench.send(5, [9])
        #expect(readable(next) == [9])
        _ = try bench.rings[5].takeUsed()
      }
    }
  }

  @Test("What the host did not do is kept for a user, once; that a peer leaves is none of that")
  func failures() throws {
    func send(_ peer: CharacterPeer) -> CharacterPeer.Progress {
      [UInt8](repeating: 1, count: 8).withUnsafeBytes { peer.send($0) }
    }
    let full = try CharacterPeer.file("/dev/full", limit: .none)
    #expect(send(full) == .gone)
    #expect(full.failure == .init(operation: .send, error: .noSpace))
    full.close()
    #expect(send(full) == .gone && full.failure?.error == .noSpace)
    let null = CharacterPeer.null()
    #expect(send(null) == .moved(8) && null.failure == nil)
    let (one, other) = try CharacterPeer.pair()
    other.close()
    #expect(send(one) == .gone && one.failure == nil)
    var byte: UInt8 = 0
    #expect(withUnsafeMutableBytes(of: &byte) { one.receive($0) } == .gone && one.failure == nil)
    try withTemporaryDirectory { directory in
      let path = directory + "/fifo"
      #expect(mkfifo(path, 0o600) == 0)
      // As a run does.
      signal(SIGPIPE, SIG_IGN)
      let reader = open(path, O_RDONLY | O_NONBLOCK)
      let peer = try CharacterPeer.file(path, limit: .none)
      #expect(send(peer) == .moved(8))
      close(reader)
      #expect(send(peer) == .gone && peer.failure == nil)
    }
  }

  @Test("A server that goes away is noticed though the guest reads nothing, and is not connected to again")
  func serverLeaves() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/server"
      let listener = try UnixSocket.listen(path)
      let peer = try CharacterPeer.client(path)
      let memory = try GuestMemory.allocate(bytes: 1 << 20, backend: .anonymous, preallocate: false)
      let device = try ConsoleDevice(
        id: DeviceID(24), [(.init(number: 1), peer)], observer: RecordingObserver())
      let transport = MMIOTransport(
        id: DeviceID(24), device, interrupt: CountingLine(), observer: RecordingFaults())
      #expect(peer.isConnected)
      do {
        guard let accepted = try UnixSocket.accept(listener) else {
          Issue.record("nobody connected")
          return
        }
        #expect(accepted.raw >= 0)
      }
      transport.collect(source: 0, memory: memory, by: vcpu0)
      #expect(!peer.isConnected && peer.listener == nil)
    }
  }

  @Test(
    "A reset, or a queue started anew, with a request that the peer does not take: it is not touched again")
  func resetWhileHeld() throws {
    try with { bench in
      let peer = try bench.open()
      for index in 0..<4 {
        try bench.send(5, [UInt8](repeating: 1, count: 400_000), at: 0x40000 + UInt64(index * 400_000))
      }
      bench.connect()
      while let bytes = readable(peer), !bytes.isEmpty {}
      for _ in 0..<3 { bench.turn() }
      #expect(readable(peer) == nil, "nothing of the old requests")
      try bench.tell(1, .portOpen, 1)
      try bench.send(5, [5])
      #expect(readable(peer) == [5])
      #expect(try bench.rings[5].takeUsed().count == 1)
    }
  }

  @Test("Without several ports, port 0 is a console that is always open")
  func singlePort() throws {
    try withTemporaryDirectory { directory in
      let bench = try ConsoleBench(directory, features: 1 << 32)
      try bench.send(1, Array("hello".utf8))
      #expect(try bench.rings[1].takeUsed().count == 1)
      let file = try FileDescriptor.open(bench.file, O_RDONLY)
      #expect(readable(file) == Array("hello".utf8))
    }
  }

  @Test("Control messages that are short, of unknown ports or kinds, or asked for again and again")
  func hostileControl() throws {
    try with { bench in
      for port: UInt32 in [0, 1, 2, 99, .max] {
        for event: UInt16 in [0, 1, 2, 3, 4, 5, 6, 7, 8, 0xffff] {
          for value: UInt16 in [0, 1, 2, 0xffff] {
            var bytes = ConsoleBench.message(port, .portAdd, value)
            bytes[4] = UInt8(truncatingIfNeeded: event)
            bytes[5] = UInt8(event >> 8)
            try bench.memory.write(bytes, at: GuestAddress(0x10000))
            _ = try bench.rings[3].add([.init(0x10000, 8)])
            try bench.kick(3)
            _ = try bench.rings[3].takeUsed()
          }
        }
      }
      bench.turn()
      // However often it was asked: each thing is told once.
      try bench.giveControlBuffers(16)
      #expect(try bench.heard().count == 5)
      #expect(bench.faults.faults.isEmpty)
      try bench.memory.write([0, 0, 0], at: GuestAddress(0x10000))
      _ = try bench.rings[3].add([.init(0x10000, 7)])
      try bench.kick(3)
      #expect(bench.faults.faults == ["3: a request with a control message of 7 bytes"])
      bench.connect()
      try bench.tell(0, .deviceReady, 1)
      _ = try bench.rings[2].add([.init(0x12000, 7, isWritable: true)])
      try bench.kick(2)
      #expect(bench.faults.faults.last == "2: a request with 7 bytes for a control message of 8")
    }
  }

  @Test("A buffer for what comes that cannot be written breaks the queue")
  func unwritable() throws {
    try with { bench in
      let peer = try bench.open()
      try [1 as UInt8].withUnsafeBytes { try peer.writeAll($0) }
      _ = try bench.rings[4].add([.init(0x30000, 64)])
      try bench.kick(4)
      bench.turn()
      #expect(bench.faults.faults == ["4: a request with no place for what a port receives"])
    }
  }

  @Test("Sending without end: as much as the queue has entries, then the loop serves others")
  func endless() throws {
    try with { bench in
      for _ in 0..<40 {
        for _ in 0..<16 { _ = try bench.rings[1].add([.init(0x20000, 1)]) }
        try bench.kick(1)
        bench.turn()
        #expect(try bench.rings[1].takeUsed().count == 16)
      }
      let file = try FileDescriptor.open(bench.file, O_RDONLY)
      #expect(readable(file)?.count == 640)
    }
  }

  @Test(
    "A socket's name is taken over from a process that is gone, refused where somebody listens, and goes away"
  )
  func names() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/socket"
      do { _ = try UnixSocket.listen(path) }
      do {
        let peer = try CharacterPeer.server(path)
        #expect(throws: Errno.addressInUse) { try CharacterPeer.server(path) }
        #expect(peer.listener != nil)
      }
      #expect(access(path, F_OK) != 0)
      #expect(throws: Errno.noSuchFileOrDirectory) { try CharacterPeer.client(path) }
    }
  }
}
