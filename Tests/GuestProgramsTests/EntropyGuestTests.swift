import GuestPrograms
import Testing

@Suite("The entropy device's guest: parameters and expectation")
struct EntropyGuestTests {
  @Test func requestsAreExact() throws {
    let (program, arguments) = try GuestProgram.parse("rng,iterations=12,size=128,wait=interrupt")
    let machine = GuestMachine(entropy: GuestDevice(registers: 0x0403_0201, line: 13))
    let expectation = try program.expectation(arguments, on: machine)
    #expect(expectation.entropyRequests == 12)
    #expect(expectation.diskRequests.total == 0)
    #expect(expectation.virtioQueues == [12])
    #expect(expectation.virtioKicks == 12...12)
    #expect(expectation.deviceInterrupts == 12...12)
    let block = try program.parameterBlock(arguments, on: machine)
    #expect(Array(block[32..<44]) == [1, 2, 3, 4, 13, 0, 0, 0, 128, 0, 0, 0])
  }

  @Test func aMachineWithoutTheDeviceIsTold() throws {
    let (program, arguments) = try GuestProgram.parse("rng")
    let error = #expect(throws: GuestError.self) {
      try program.expectation(arguments, on: GuestMachine(entropy: nil))
    }
    #expect(error?.description.contains("--device virtio-rng-device") == true, "\(error?.description ?? "")")
  }
}
