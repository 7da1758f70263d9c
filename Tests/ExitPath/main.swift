// exit-path KIND COUNT: handles the same exit COUNT times as a vCPU's thread would, and ends. Nothing is printed: what this
// costs is counted from outside, by analysis/bench/exit_path.py.
//
// The engine is the scripted one, so no kernel takes part; runner, dispatcher, bus and devices are those of every machine.
// They are called as KVM's loop calls them, but for being compiled apart from it.

import Engine
import Glibc
import Machine
import ScriptedEngine

/// Eight bytes of data, and the exits that are about them (docs/guest-abi.md).
private func exits(_ data: UnsafeMutableRawPointer) -> [String: VcpuExit] {
  [
    "port-write": .port(.init(port: 0x590, size: 1, count: 1, isWrite: true, data: data)),
    "port-read": .port(.init(port: 0x590, size: 1, count: 1, isWrite: false, data: data)),
    "memory-write": .memory(.init(address: 0xd000_1000, size: 4, isWrite: true, data: data)),
    "memory-read": .memory(.init(address: 0xd000_1000, size: 4, isWrite: false, data: data)),
    // No device is there: found by nobody, counted by address. What `make bench` measures KVM_RUN with.
    "port-unclaimed": .port(.init(port: 0x80, size: 1, count: 1, isWrite: true, data: data)),
  ]
}

private func main() throws -> Int32 {
  let data = UnsafeMutableRawPointer.allocate(byteCount: 8, alignment: 8)
  defer { data.deallocate() }
  data.initializeMemory(as: UInt8.self, repeating: 0x5a, count: 8)
  let arguments = CommandLine.arguments
  guard arguments.count == 3, let exit = exits(data)[arguments[1]], let count = Int(arguments[2]), count >= 0
  else {
    let kinds = exits(data).keys.sorted().joined(separator: "|")
    print("usage: exit-path \(kinds) COUNT")
    return 2
  }
  var configuration = MachineConfiguration()
  configuration.serial = .none
  let engine = ScriptedEngine()
  let machine = try Machine(configuration, engine: engine) { _ throws(MachineError) in
    try configuration.flatPlan([0xf4])
  }
  engine.machine!.vcpus[0].repeatExit(exit, times: count, machine.vcpus[0])
  return machine.vcpus[0].exits == count ? 0 : 1
}

exit(try main())
