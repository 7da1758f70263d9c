import Devices
import RingDriver
import TestSupport
import Testing

@Suite("Ports that end, reset and mark, and the scratch register")
struct SmallDeviceTests {
  private let control = RecordingControl()

  @Test("The debug exit port passes on what was written")
  func debugExit() {
    let port = DebugExitPort(id: DeviceID(6), control: control)
    for value: UInt64 in [0, 1, 0xff, 0xffff_ffff] { port.write(value, 0) }
    #expect(control.requests == [.debugExit(0), .debugExit(1), .debugExit(0xff), .debugExit(.max)])
    #expect(port.read(0) == 0)
  }

  @Test("Only SLP_EN switches off, in whichever byte it is written, and only with soft-off's sleep type")
  func powerOff() {
    let port = PowerOffPort(id: DeviceID(7), control: control)
    for value: UInt64 in [0, 0x1fff, 0xdfff] { port.write(value, 0, size: 2) }
    port.write(0x20, 0, size: 1)
    port.write(0xdf, 1, size: 1)
    #expect(control.requests.isEmpty)
    port.write(0x20, 1, size: 1)
    port.write(0x2000, 0, size: 2)
    port.write(0x3401, 0, size: 2)
    port.write(0x34, 1, size: 1)
    #expect(control.requests == [.powerOff, .powerOff, .powerOff, .powerOff])
    // SCI_EN is one from the start and always; the type reads as it was written, commands read zero.
    #expect(port.read(0, size: 2) == 0x1401)
    #expect(port.read(1, size: 1) == 0x14)
    port.write(0, 0, size: 2)
    #expect(port.read(0, size: 2) == 1)
    port.write(0x1c07, 0, size: 2)
    #expect(port.read(0, size: 2) == 0x1c03)
    port.reset()
    #expect(port.read(0, size: 2) == 1)
    for type: UInt8 in [1, 2, 3, 4, 6, 7] {
      port.write(UInt64(type) << 10 | 0x2001, 0, size: 2)
      #expect(control.requests.last == (type == 1 ? .suspend : .sleep(type)))
    }
  }

  @Test("The chipset resets where the bit becomes one, and only then")
  func resetControl() {
    for (window, bit) in [(0, UInt64(4)), (ResetControl.portAWindow, 1)] {
      let control = RecordingControl()
      let device = ResetControl(id: DeviceID(15), control: control)
      device.write(0xff ^ bit, 0, size: 1, window: window)
      #expect(control.requests.isEmpty)
      device.write(bit, 0, size: 1, window: window)
      device.write(bit | 2, 0, size: 1, window: window)
      #expect(control.requests == [.reset])
      #expect(device.read(0, size: 1, window: window) == bit | 2)
      device.reset()
      // Address line 20 is there always.
      #expect(device.read(0, size: 1, window: window) == (window == ResetControl.portAWindow ? 2 : 0))
      device.write(bit, 0, size: 1, window: window)
      #expect(control.requests == [.reset, .reset])
    }
  }

  @Test("The marker passes on 32 bits")
  func marker() {
    let observer = RecordingObserver()
    let port = MarkerPort(id: DeviceID(4), observer: observer)
    port.write(0xdead_beef, 0)
    port.write(0x1_0000_0002, 0)
    #expect(observer.events == [.mark(0xdead_beef), .mark(2)])
  }

  @Test("The scratch register is eight bytes of memory and nothing beyond them")
  func scratch() {
    let scratch = ScratchRegister(id: DeviceID(3))
    var random = SeededGenerator(seed: 1)
    var bytes = [UInt8](repeating: 0, count: 8)
    for _ in 0..<20_000 {
      let size = [1, 2, 4, 8].randomElement(using: &random)!
      let offset = Int.random(in: 0..<12, using: &random)
      if Bool.random(using: &random) {
        let value = random.next()
        scratch.write(value, UInt32(offset), size: size)
        for index in 0..<size where offset + index < 8 {
          bytes[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index))
        }
      } else {
        let expected = (0..<size).reduce(UInt64(0)) { value, index in
          offset + index < 8 ? value | UInt64(bytes[offset + index]) << UInt64(8 * index) : value
        }
        let mask: UInt64 = size == 8 ? .max : 1 << UInt64(8 * size) - 1
        #expect(scratch.read(UInt32(offset), size: size) & mask == expected)
      }
    }
    scratch.reset()
    #expect(scratch.read(0, size: 8) == 0)
  }
}
