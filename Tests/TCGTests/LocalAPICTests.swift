import Engine
import Testing

@testable import TCG

@Suite("A local APIC of the translator's")
struct LocalAPICTests {
  private static func enabled(_ identity: UInt32 = 0) -> LocalAPIC {
    var apic = LocalAPIC(identity: identity)
    _ = apic.write(0xf0, 0x1ff, now: 0)
    return apic
  }

  @Test(
    "interrupts are taken by priority, each once, and what is in service holds back its class and those below"
  )
  func priorities() {
    var apic = Self.enabled()
    for vector in [0x31, 0x52, 0x45, 0x52] as [UInt8] { apic.request(vector, isLevel: false) }
    #expect(apic.acknowledge() == 0x52 && apic.pending == nil && apic.acknowledge() == nil)
    apic.request(0x5f, isLevel: false)
    #expect(apic.pending == nil, "of the same class")
    apic.request(0x60, isLevel: false)
    #expect(apic.acknowledge() == 0x60)
    #expect(apic.read(0xa0, now: 0) == 0x60)
    // Ends the highest, each time.
    for next in [0x5f, nil, 0x45, 0x31] as [UInt8?] {
      #expect(apic.write(0xb0, 0, now: 0) == .none)
      // Behind 0x60 is 0x52 in service, which holds 0x5f back; behind that 0x5f comes.
      if next == 0x5f {
        #expect(apic.pending == nil)
        _ = apic.write(0xb0, 0, now: 0)
      }
      if let next { #expect(apic.acknowledge() == next) }
    }
  }

  @Test("the task's priority holds back what is not above its class")
  func taskPriority() {
    var apic = Self.enabled()
    _ = apic.write(0x80, 0x45, now: 0)
    apic.request(0x4f, isLevel: false)
    #expect(apic.pending == nil && apic.read(0x220, now: 0) == 1 << 15)
    _ = apic.write(0x80, 0x3f, now: 0)
    #expect(apic.pending == 0x4f)
  }

  @Test("the end of a level-triggered interrupt is told with its vector, that of an edge is not")
  func level() {
    var apic = Self.enabled()
    apic.request(0x41, isLevel: true)
    #expect(apic.acknowledge() == 0x41 && apic.write(0xb0, 0, now: 0) == .ended(vector: 0x41))
    apic.request(0x41, isLevel: false)
    #expect(apic.acknowledge() == 0x41 && apic.write(0xb0, 0, now: 0) == .none)
    #expect(apic.write(0xb0, 0, now: 0) == .none, "nothing is in service")
  }

  @Test("disabled it takes nothing, and a vector below 16 is an error")
  func refusals() {
    var off = LocalAPIC(identity: 0)
    off.request(0x40, isLevel: false)
    #expect(off.pending == nil)
    var apic = Self.enabled()
    apic.request(0x0f, isLevel: false)
    #expect(apic.pending == nil)
    // The register is loaded by a write to it.
    #expect(apic.read(0x280, now: 0) == 0)
    _ = apic.write(0x280, 0, now: 0)
    #expect(apic.read(0x280, now: 0) == 1 << 6)
  }

  @Test(
    "the timer counts nanoseconds by its divisor, once or again and again; missed periods are one interrupt")
  func timer() {
    var apic = Self.enabled()
    _ = apic.write(0x320, 0x40, now: 0)
    // By 4.
    _ = apic.write(0x3e0, 0x1, now: 0)
    #expect(apic.write(0x380, 1000, now: 500) == .timer && apic.deadline == 4500)
    #expect(apic.read(0x390, now: 500) == 1000 && apic.read(0x390, now: 2500) == 500)
    apic.timerExpired(now: 4499)
    #expect(apic.pending == nil)
    apic.timerExpired(now: 4500)
    #expect(apic.acknowledge() == 0x40 && apic.deadline == nil && apic.read(0x390, now: 5000) == 0)
    _ = apic.write(0xb0, 0, now: 0)
    _ = apic.write(0x320, 0x2_0040, now: 0)
    _ = apic.write(0x380, 100, now: 10_000)
    apic.timerExpired(now: 10_400 + 3 * 400 + 7)
    #expect(apic.deadline == 10_400 + 4 * 400)
    #expect(apic.acknowledge() == 0x40 && apic.acknowledge() == nil)
    #expect(apic.write(0x380, 0, now: 20_000) == .timer && apic.deadline == nil)
  }

  @Test("with a deadline the timer asks once; a count changes nothing then, and another mode disarms it")
  func deadline() {
    var apic = Self.enabled()
    // A count, in the first mode: the deadline's register does nothing.
    var isTaken = apic.setDeadline(77, due: 1000)
    #expect(!isTaken && apic.timeStampDeadline == 0)
    _ = apic.write(0x380, 1000, now: 0)
    var effect = apic.write(0x320, 0x4_0041, now: 0)
    #expect(effect == .timer && apic.deadline == nil)
    effect = apic.write(0x380, 1000, now: 0)
    #expect(effect == .none && apic.deadline == nil)
    isTaken = apic.setDeadline(77, due: 1000)
    #expect(isTaken && apic.timeStampDeadline == 77 && apic.deadline == 1000)
    apic.timerExpired(now: 999)
    #expect(apic.pending == nil)
    apic.timerExpired(now: 1000)
    #expect(apic.pending == 0x41 && apic.deadline == nil && apic.timeStampDeadline == 0)
    _ = apic.acknowledge()
    _ = apic.write(0xb0, 0, now: 0)
    _ = apic.setDeadline(99, due: 2000)
    isTaken = apic.setDeadline(0, due: 0)
    #expect(isTaken && apic.deadline == nil)
    _ = apic.setDeadline(99, due: 2000)
    effect = apic.write(0x320, 0x41, now: 0)
    #expect(effect == .timer && apic.deadline == nil)
    apic.timerExpired(now: 3000)
    #expect(apic.pending == nil)
  }

  @Test("masked, the timer asks for nothing; a disabled APIC masks it")
  func masked() {
    var apic = Self.enabled()
    _ = apic.write(0x320, 0x1_0040, now: 0)
    _ = apic.write(0x380, 10, now: 0)
    apic.timerExpired(now: 1000)
    #expect(apic.pending == nil)
    _ = apic.write(0x320, 0x40, now: 0)
    _ = apic.write(0xf0, 0xff, now: 0)
    #expect(apic.read(0x320, now: 0) == 0x1_0040)
  }

  @Test("it is meant by its identity, by all, and by a bit or a cluster of the logical destination")
  func destinations() {
    var apic = Self.enabled(3)
    #expect(apic.isMeant(by: InterruptDestination(target: 3, isLogical: false)))
    #expect(apic.isMeant(by: InterruptDestination(target: 0xff, isLogical: false)))
    #expect(!apic.isMeant(by: InterruptDestination(target: 2, isLogical: false)))
    _ = apic.write(0xd0, 0x2400_0000, now: 0)
    #expect(apic.isMeant(by: InterruptDestination(target: 0x04, isLogical: true)), "flat")
    #expect(!apic.isMeant(by: InterruptDestination(target: 0x12, isLogical: true)))
    _ = apic.write(0xe0, 0, now: 0)
    #expect(apic.isMeant(by: InterruptDestination(target: 0x2c, isLogical: true)), "cluster 2")
    #expect(!apic.isMeant(by: InterruptDestination(target: 0x14, isLogical: true)))
    let message = InterruptDestination(InterruptMessage(address: 0xfee0_3004, data: 0x40))
    #expect(message.target == 3 && message.isLogical)
  }

  @Test("the command register sends, but for INIT's de-assertion")
  func commands() {
    var apic = Self.enabled()
    _ = apic.write(0x310, 0x0200_0000, now: 0)
    #expect(
      apic.write(0x300, 0x4608, now: 0)
        == .send(shorthand: 0, target: 2, isLogical: false, vector: 8, mode: InterruptCommand.startUp))
    #expect(
      apic.write(0x300, 0xc_4541, now: 0)
        == .send(shorthand: 3, target: 2, isLogical: false, vector: 0x41, mode: InterruptCommand.initialize))
    #expect(apic.write(0x300, 0x8500, now: 0) == .none)
  }
}
