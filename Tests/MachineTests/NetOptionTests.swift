import ArgumentParser
import Testing
import Virtio

@testable import Machine
@testable import exeunt

/// Network interfaces, and other devices' threads, as QEMU's users spell them.
@Suite("Network interfaces on the command line")
struct NetOptionTests {
  private func configuration(_ arguments: String) throws -> MachineConfiguration {
    try MachineOptions.parse(arguments.split(separator: " ").map(String.init)).configuration()
  }

  private func message(_ arguments: String) -> String {
    do {
      try configuration(arguments).validate()
      return ""
    } catch let error as MachineError {
      return error.description
    } catch {
      return MachineOptions.message(for: error)
    }
  }

  @Test("A netdev with its device is what the short form is")
  func forms() throws {
    let short = try configuration("--net tap:tap7").networks
    let long = try configuration(
      "--device virtio-net-device,netdev=n0 --netdev tap,id=n0,ifname=tap7,script=no,downscript=no,vhost=off"
    ).networks
    #expect(short == long)
    #expect(short[0].address[..<3] == [0x52, 0x54, 0])
    let mac = "mac=52:54:00:12:34:56"
    let given = try configuration("--net tap:tap7,\(mac)").networks
    #expect(given[0].address == [0x52, 0x54, 0, 0x12, 0x34, 0x56])
    #expect(
      try configuration("--netdev tap,id=n0,ifname=tap7 --device virtio-net-device,netdev=n0,\(mac)").networks
        == given)
  }

  @Test("Each device is served by the thread that it is given to, and kicked as is said")
  func service() throws {
    let found = try configuration(
      "--object iothread,id=fast --object iothread,id=slow --net tap:a "
        + "--netdev tap,id=n,ifname=b --device virtio-net-device,netdev=n,iothread=fast,ioeventfd=off "
        + "--device virtio-rng-device,id=r,iothread=slow "
        + "--device virtio-serial-device,iothread=fast,ioeventfd=off --chardev null,id=c "
        + "--device virtserialport,chardev=c")
    #expect(found.networks.map(\.peer) == [.tap("a"), .tap("b")])
    let layout = try found.boardLayout()
    #expect(layout.threads.loopNames == ["io0", "fast", "slow"])
    func loops(_ name: String) -> Set<Int> {
      Set(layout.slots.filter { $0.name == name }.flatMap { $0.kicks.map(\.loop) + [$0.loop] })
    }
    #expect(loops("net0") == [0])
    #expect(loops("net1") == [1])
    #expect(loops("rng0") == [2])
    #expect(loops("console0") == [1])
    #expect(layout.slots.filter(\.kicksExit).map(\.name) == ["net1", "console0"])
  }

  @Test("Each pair of queues has its thread, and the control queue the first one's")
  func pairs() throws {
    let found = try configuration(
      "--netdev tap,id=n,ifname=b,queues=3 --object iothread,id=x --object iothread,id=y "
        + "--device virtio-net-device,netdev=n,mq=on,iothread-vq-mapping=x:y")
    #expect(found.networks.map(\.pairs) == [3])
    #expect(
      try found.boardLayout().slots(of: .network).map { $0.kicks.map(\.loop) } == [[1, 1, 2, 2, 1, 1, 1]])
    // Without a mapping pairs take turns, as disks' queues do.
    let shared = try configuration(
      "--iothreads 4 --netdev tap,id=n,ifname=b,queues=3 --device virtio-net-device,netdev=n")
    #expect(
      try shared.boardLayout().slots(of: .network).map { $0.kicks.map(\.loop) } == [[1, 1, 2, 2, 3, 3, 1]])
  }

  @Test("A network of the guest's own is what QEMU's users mean by it")
  func user() throws {
    #expect(try configuration("--net user").networks[0].peer == .user(UserNetworkOptions()))
    #expect(try configuration("--net user").networks[0].address == [0x52, 0x54, 0, 0x12, 0x34, 0x56])
    var options = UserNetworkOptions(network: IPv4Address("192.168.76.0")!, prefix: 24)
    #expect(options.host == IPv4Address("192.168.76.2"))
    options.nameServer = IPv4Address("192.168.76.4")!
    options.firstGuest = IPv4Address("192.168.76.9")!
    options.guestName = "box"
    options.isRestricted = true
    options.forwards = [
      .init(hostPort: 2222, guestPort: 22),
      .init(
        isDatagram: true, hostAddress: IPv4Address("127.0.0.1")!, hostPort: 53,
        guestAddress: IPv4Address("192.168.76.20"), guestPort: 5353),
    ]
    let keys =
      "net=192.168.76.0/24,dns=192.168.76.4,dhcpstart=192.168.76.9,hostname=box,restrict=on,ipv6=off,"
      + "hostfwd=tcp::2222-:22,hostfwd=udp:127.0.0.1:53-192.168.76.20:5353"
    #expect(try configuration("--net user,\(keys)").networks[0].peer == .user(options))
    #expect(
      try configuration("--netdev user,id=n,\(keys) --device virtio-net-device,netdev=n").networks[0].peer
        == .user(options))
    for (keys, words) in [
      ("net=10.0.2.0", "give a network such as 10.0.2.0/24"), ("net=10.0.2.0/30", "8 to 29 bits"),
      ("net=10.0.2/24", "give a network such as"),
      ("host=10.0.3.2", "the host's address 10.0.3.2 is none of"),
      ("dns=10.0.2.2", "host and name server both have the address 10.0.2.2"),
      ("dhcpstart=10.0.2.255", "the first guest's address 10.0.2.255"), ("host=10.0.2", "give four numbers"),
      ("hostfwd=tcp::22", "such as tcp::2222-:22"), ("hostfwd=tcp::22-:22-:22", "such as"),
      ("hostfwd=sctp::22-:22", "the protocol is 'sctp'; give tcp or udp"),
      ("hostfwd=tcp::0-:22", "the host's port is '0'; give 1 to 65535"),
      ("hostfwd=tcp::65536-:22", "the host's port is '65536'"),
      ("hostfwd=tcp::22-:0", "the guest's port is '0'"),
      ("hostfwd=tcp:localhost:22-:22", "the host's address is 'localhost'; give four numbers"),
      ("hostfwd=tcp::22-guest:22", "the guest's address is 'guest'"),
      ("hostfwd=tcp::22-1.2.3.4:22", "a forward leads to 1.2.3.4, which is no guest's in 10.0.2.0/24"),
      ("hostfwd=tcp::22-10.0.2.255:22", "a forward leads to 10.0.2.255"),
      ("hostname=" + String(repeating: "a", count: 254), "a host name of 254 bytes: give up to 253"),
      ("ipv6=on", "ipv6=on: give off"), ("hostfw=tcp::22-:22", "did you mean 'hostfwd'?"),
      ("restrict=yes", "give on or off"), ("net=10.0.2.0/24,net=10.0.2.0/24", "net is given twice"),
      ("ifname=t", "unknown key 'ifname'"),
    ] {
      #expect(message("--net user,\(keys)").contains(words), "\(keys): \(message("--net user,\(keys)"))")
    }
    #expect(
      message("--netdev user,id=n,queues=2 --device virtio-net-device,netdev=n").contains(
        "unknown key 'queues'"))
  }

  @Test("What is unknown or contradicts itself is refused, with what to do")
  func refused() {
    let device = "--device virtio-net-device,netdev=n"
    let netdev = "--netdev tap,id=n,ifname=t"
    let serial = "--device virtio-serial-device"
    for (arguments, words) in [
      ("--netdev tap,id=n", "ifname= is missing"), ("--netdev tap,ifname=t", "id= is missing"),
      ("--netdev tpa,id=n", "unknown kind 'tpa'; did you mean 'tap'?"),
      ("--netdev tap,id=n,ifnam=t", "unknown key 'ifnam'; did you mean 'ifname'?"),
      ("--netdev tap,id=n,ifname=t,script=/etc/qemu-ifup", "script=/etc/qemu-ifup: give no"),
      ("--netdev tap,id=n,ifname=t,vhost=on", "vhost=on: give off"),
      (netdev, "no device has it; give --device virtio-net-device,netdev=n"),
      (device, "there is no netdev 'n'; give --netdev"),
      ("\(device) --netdev tap,id=nn,ifname=t", "did you mean 'nn'?"),
      ("\(netdev) \(netdev) \(device)", "two of --netdev have id=n"),
      ("\(netdev) \(device) \(device)", "another device has the netdev n"),
      ("--device virtio-net-pci,netdev=n", "there is no PCI bus; give virtio-net-device,"),
      ("--device virtio-net-devise,netdev=n", "did you mean 'virtio-net-device'?"),
      ("\(netdev) \(device),mac=53:54:00:12:34:56", "the first one even"),
      ("\(netdev) \(device),mac=52:54:00:12:34", "give six bytes"),
      ("\(netdev) \(device),iothread=io7", "net0: there is no I/O thread 'io7'; there is io0 ("),
      ("\(netdev) \(device),iothread-vq-mapping=io0:io0", "2 I/O threads for 1 pair of queues"),
      ("\(netdev),queues=9 \(device)", "queues=9: give 1 to 8"),
      ("\(netdev),queues=2 \(device),mq=off", "mq=off: its netdev has queues=2"),
      ("\(netdev),queues=0 \(device)", "queues=0: give 1 to 8"),
      ("\(netdev) \(device),mq=on", "mq=on: its netdev has one pair of queues"),
      ("\(netdev) \(device),ioeventfd=on --ioeventfd off", "contradicts --ioeventfd off"),
      ("--device virtio-rng-device,ioeventfd=on --ioeventfd off", "contradicts --ioeventfd off"),
      ("--device virtio-rng-device,iothread=io7", "rng0: there is no I/O thread 'io7'"),
      ("--device virtio-rng-device,iothread-vq-mapping=io0", "unknown key 'iothread-vq-mapping'"),
      ("--device virtio-rng-device --device virtio-rng-device", "given twice"),
      ("--net tap:", "begin with tap:"), ("--net tpa:x", "begin with tap:"),
      ("--net tap:x,mca=1", "did you mean 'mac'?"),
      ("--net tap:a --net tap:b --net tap:c --net tap:d --net tap:e", "5 network interfaces: give up to 4"),
      ("--net tap:a --net tap:b --doorbells 4", "2 network interfaces with --doorbells 4"),
      ("--net tap:a --net tap:b --net tap:a,mac=52:54:00:00:00:01", "net0 and net2 both have the tap a"),
      (
        "--net tap:a,mac=52:54:00:00:00:01 --net user,mac=52:54:00:00:00:01",
        "net0 and net1 both have the address 52:54:00:00:00:01; give another with mac="
      ),
      (
        "--net user,hostfwd=tcp::2222-:22,hostfwd=tcp:127.0.0.1:2222-:23",
        "net0: tcp port 2222 of the host is given to two hostfwd"
      ),
      (
        "--net user,hostfwd=udp:127.0.0.1:2222-:22 --net user,hostfwd=udp:127.0.0.1:2222-:22",
        "net1: udp port 2222 of the host is given to two hostfwd"
      ),
      ("--device virtio-net,netdev=n", "did you mean 'virtio-net-device'?"),
      ("--object iothread,id=main", "an I/O thread is called main, like another thread"),
      ("--object iothread,id=disk1-2", "called disk1-2, like another thread"),
      ("--object iothread,id=my-ust", "called my-ust, like another thread"),
      (
        "--iothread-poll 5",
        "give up to 4s, such as 50us; this is 5 s, and a number without a unit is seconds"
      ),
      ("--iothread-poll 100h", "give up to 4s, such as 50us; this is 360000 s"),
      ("--iothread-poll 5x", "give a time with its unit (ns, us, ms, s), such as 50us"),
      ("\(serial) --device virtserialport,chardev=c", "there is no chardev 'c'; give --chardev"),
      ("\(serial),iothread=io9 --chardev null,id=c --device virtconsole,chardev=c", "console0: there is no"),
    ] {
      #expect(message(arguments).contains(words), "\(arguments): \(message(arguments))")
    }
    #expect(message("\(netdev) \(device)") == "")
    #expect(message("--net tap:a --net tap:b --doorbells 3") == "")
    #expect(
      message("--object iothread,id=disk1 --object iothread,id=mainly --object iothread,id=disk1-b") == "")
    #expect(message("--net user,hostfwd=tcp:127.0.0.1:22-:22,hostfwd=udp:127.0.0.1:22-:22") == "")
    #expect(message("--net user,hostfwd=tcp:127.0.0.1:22-:22,hostfwd=tcp:127.0.0.2:22-:22") == "")
  }

  @Test("Networks of the guest's own have addresses one after the other, except where they are given")
  func addresses() throws {
    let found = try configuration(
      "--net user --net user,mac=52:54:00:12:34:57 --net user --netdev user,id=n --device virtio-net-device,netdev=n"
    )
    #expect(found.networks.map { $0.address[5] } == [0x56, 0x57, 0x58, 0x59])
  }

  @Test("What is wrong with an option is one line, which the value is in once, whatever is in that")
  func lines() {
    for value in [
      "tpa:x", "tap:x,mca=1", "' is invalid for '--net <x>': --net ", "user,a=' is invalid for '--x <y>': ",
      "<>'",
    ] {
      do {
        _ = try MachineOptions.parse(["--net", value])
        Issue.record("taken: \(value)")
      } catch {
        let line = KeyedArgument.mistake(in: MachineOptions.message(for: error))
        #expect(line?.hasPrefix("--net \(value): ") == true, "\(line ?? MachineOptions.message(for: error))")
      }
    }
    #expect(KeyedArgument.mistake(in: "The value 'x' is invalid for '--cpus <n>'") == nil)
    #expect(KeyedArgument.mistake(in: "Unexpected argument 'x'") == nil)
  }
}

/// The console's ports, and what they lead to.
@Suite("Ports on the command line")
struct PortOptionTests {
  private func configuration(_ arguments: String) throws -> MachineConfiguration {
    try MachineOptions.parse(arguments.split(separator: " ").map(String.init)).configuration()
  }

  @Test("Ports are numbered as QEMU numbers them, whatever order the options come in")
  func numbers() throws {
    let found = try configuration(
      "--chardev socket,id=s,path=/a,,b,server=on,wait=off --chardev file,id=f,path=log "
        + "--device virtio-serial-device --device virtserialport,chardev=s,name=org.qemu.guest_agent.0 "
        + "--device virtconsole,chardev=f,id=c0 --device virtserialport,chardev=n "
        + "--device virtconsole,chardev=d --chardev null,id=n --chardev socket,id=d,path=x,server=off")
    #expect(
      found.ports == [
        .init(.server("/a,b"), name: "org.qemu.guest_agent.0"), .init(.file("log"), isConsole: true),
        .init(.null), .init(.client("x"), isConsole: true),
      ])
    #expect(found.numberedPorts.map(\.number) == [1, 0, 2, 3])
    #expect(try found.boardLayout().slots(of: .console).map(\.kicks.count) == [10])
    // Without a console number 0 is nobody's.
    let port = "--device virtio-serial-device --device virtserialport,chardev=c --chardev null,id=c"
    #expect(try configuration(port).numberedPorts.map(\.number) == [1])
  }

  @Test("What is unknown or contradicts itself is refused, with what to do")
  func refused() {
    let bus = "--device virtio-serial-device"
    let port = "--device virtserialport,chardev=c"
    for (arguments, words) in [
      ("\(port) --chardev null,id=c", "put --device virtio-serial-device before it"),
      ("\(port) \(bus) --chardev null,id=c", "put --device virtio-serial-device before it"),
      (bus, "it has no port"), ("\(bus) \(bus)", "given twice"),
      ("\(bus) --device virtserialport", "chardev= is missing"),
      ("\(bus) --device virtserialprt,chardev=c", "did you mean 'virtserialport'?"),
      ("\(bus) \(port),nam=x --chardev null,id=c", "unknown key 'nam'; did you mean 'name'?"),
      ("\(bus) \(port) \(port) --chardev null,id=c", "another device has the chardev c"),
      ("--chardev null,id=c", "no device has it; give --device virtserialport,chardev=c"),
      ("--chardev null,id=c --chardev null,id=c", "two of --chardev have id=c"),
      ("--chardev null", "id= is missing"), ("--chardev nul,id=c", "did you mean 'null'?"),
      ("--chardev null,id=c,path=x", "unknown key 'path'; there is id"),
      ("--chardev file,id=c", "path= is missing"),
      ("--chardev socket,id=c", "path= is missing"),
      ("--chardev socket,id=c,path=x,wait=on", "leave wait=on away"),
      ("--chardev socket,id=c,path=x,sever=on", "did you mean 'server'?"),
      ("--chardev socket,id=c,path=x,server=yes", "server=yes: give on or off"),
    ] {
      var message = ""
      do { _ = try configuration(arguments) } catch { message = MachineOptions.message(for: error) }
      #expect(message.contains(words), "\(arguments): \(message)")
    }
  }

  @Test("More ports than there may be are refused")
  func tooMany() throws {
    let ports = (0..<17).map {
      "--chardev null,id=c\($0) --device virtconsole,chardev=c\($0)"
    }.joined(separator: " ")
    let found = try configuration("--device virtio-serial-device \(ports)")
    #expect {
      try found.validate()
    } throws: {
      "\($0)".contains("console0: 17 ports; give 1 to 16")
    }
  }
}
