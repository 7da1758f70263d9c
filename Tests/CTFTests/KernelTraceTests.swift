import CTF
import Foundation
import Testing

@testable import CTF

/// A trace as LTTng's kernel tracer lays it out (`domain = "kernel"`: compact headers, a stream for each CPU, contexts,
/// text arrays, sequences with hexadecimal elements) beside what a program recorded at the same time with LTTng-UST.
@Suite struct KernelTraceTests {
  private static let types = """
    typealias integer { size = 8; align = 8; signed = false; } := uint8_t;
    typealias integer { size = 16; align = 8; signed = false; } := uint16_t;
    typealias integer { size = 32; align = 8; signed = false; } := uint32_t;
    typealias integer { size = 64; align = 8; signed = false; } := uint64_t;
    typealias integer { size = 64; align = 8; signed = false; } := unsigned long;
    typealias integer { size = 5; align = 1; signed = false; } := uint5_t;
    typealias integer { size = 27; align = 1; signed = false; } := uint27_t;

    """

  /// - Parameter clock: The clock block of the trace beside it: one machine has one.
  private static func metadata(_ clock: String) -> String {
    "/* CTF 1.8 */\n" + types + """
      trace {
        major = 1; minor = 8; uuid = "5ad4c5b4-13a1-4b4f-9b0c-0d6e6a8a3b11"; byte_order = le;
        packet.header := struct { uint32_t magic; uint8_t uuid[16]; uint32_t stream_id; uint64_t stream_instance_id; };
      };
      env {
        hostname = "vm"; domain = "kernel"; sysname = "Linux"; kernel_release = "6.1.0"; tracer_name = "lttng-modules";
        tracer_major = 2; tracer_minor = 13; tracer_patchlevel = 8;
      };
      \(clock)
      typealias integer { size = 27; align = 1; signed = false; map = clock.monotonic.value; } := uint27_clock_monotonic_t;
      typealias integer { size = 32; align = 8; signed = false; map = clock.monotonic.value; } := uint32_clock_monotonic_t;
      typealias integer { size = 64; align = 8; signed = false; map = clock.monotonic.value; } := uint64_clock_monotonic_t;
      struct packet_context {
        uint64_clock_monotonic_t timestamp_begin; uint64_clock_monotonic_t timestamp_end; uint64_t content_size;
        uint64_t packet_size; uint64_t packet_seq_num; unsigned long events_discarded; uint32_t cpu_id;
      };
      struct event_header_compact {
        enum : uint5_t { compact = 0 ... 30, extended = 31 } id;
        variant <id> {
          struct { uint27_clock_monotonic_t timestamp; } compact;
          struct { uint32_t id; uint64_clock_monotonic_t timestamp; } extended;
        } v;
      } align(8);
      stream {
        id = 0; event.header := struct event_header_compact; packet.context := struct packet_context;
        event.context := struct { integer { size = 32; align = 8; signed = 1; encoding = none; base = 10; } _tid; };
      };
      event { name = "sched_switch"; id = 0; stream_id = 0; fields := struct {
        integer { size = 8; align = 8; signed = 0; encoding = UTF8; base = 10; } _prev_comm[16];
        integer { size = 32; align = 8; signed = 1; encoding = none; base = 10; } _prev_tid;
        integer { size = 64; align = 8; signed = 1; encoding = none; base = 10; } _prev_state;
      }; };
      event { name = "syscall_entry_write"; id = 1; stream_id = 0; fields := struct {
        integer { size = 32; align = 8; signed = 0; encoding = none; base = 10; } _fd;
        integer { size = 64; align = 8; signed = 0; encoding = none; base = 16; } _buf;
        integer { size = 64; align = 8; signed = 0; encoding = none; base = 10; } _count;
      }; };
      event { name = "net_if_receive_skb"; id = 40; stream_id = 0; fields := struct {
        string _name;
        integer { size = 16; align = 8; signed = 0; encoding = none; base = 10; } __data_length;
        integer { size = 8; align = 8; signed = 0; encoding = none; base = 16; } _data[ __data_length ];
      }; };
      """
  }

  private struct Generator {
    var writer = BitWriter()
    var cycles: UInt64
    var random: Random

    mutating func word(_ value: UInt64, _ bytes: Int) { writer.integer(value, size: bytes * 8, .little) }

    /// An event some time after the one before; its header is extended where the id or the step in time asks for it.
    mutating func event() {
      let id: UInt64 = [0, 1, 40][random.below(3)]
      // Beyond 2^27 ns the low bits no longer tell.
      let step =
        random.below(8) == 0 ? UInt64(200_000_000 + random.below(1000)) : UInt64(random.below(50_000))
      cycles += step
      if id < 31, step < 1 << 27 {
        word(id | (cycles & (1 << 27 - 1)) << 5, 4)
      } else {
        word(31, 1)
        word(id, 4)
        word(cycles, 8)
      }
      word(UInt64(random.below(1000)), 4)
      switch id {
      case 0:
        for byte in Array("swapper/1".utf8) + [UInt8](repeating: 0, count: 7) { word(UInt64(byte), 1) }
        word(UInt64(bitPattern: Int64(-1)) & 0xffff_ffff, 4)
        word(UInt64(bitPattern: Int64(random.below(3) - 1)), 8)
      case 1:
        word(3, 4)
        word(random.next(), 8)
        word(UInt64(random.below(1 << 20)), 8)
      default:
        writer.string(Array("eth0".utf8))
        let count = random.below(40)
        word(UInt64(count), 2)
        for _ in 0..<count { word(random.next() & 0xff, 1) }
      }
    }
  }

  /// Packets of 4 KiB, the last bytes of each unused.
  private static func stream(cpu: UInt64, from cycles: UInt64, events: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    var generator = Generator(cycles: cycles, random: Random(seed: cpu))
    let perPacket = 30
    for packet in 0..<(events + perPacket - 1) / perPacket {
      generator.writer = BitWriter()
      let begin = generator.cycles
      generator.word(0xc1fc_1fc1, 4)
      for byte in [
        0x5a, 0xd4, 0xc5, 0xb4, 0x13, 0xa1, 0x4b, 0x4f, 0x9b, 0x0c, 0x0d, 0x6e, 0x6a, 0x8a, 0x3b, 0x11,
      ] as [UInt64] { generator.word(byte, 1) }
      generator.word(0, 4)
      generator.word(cpu, 8)
      let context = generator.writer.bytes.count
      for value in [begin, 0, 0, 4096 * 8, UInt64(packet), 0] as [UInt64] { generator.word(value, 8) }
      generator.word(cpu, 4)
      for _ in 0..<min(perPacket, events - packet * perPacket) { generator.event() }
      var whole = generator.writer.bytes
      for (index, value) in [generator.cycles, UInt64(whole.count) * 8].enumerated() {
        for byte in 0..<8 {
          whole[context + 8 * (index + 1) + byte] = UInt8(truncatingIfNeeded: value >> UInt64(8 * byte))
        }
      }
      bytes += whole + [UInt8](repeating: 0, count: 4096 - whole.count)
    }
    return bytes
  }

  @Test("a kernel's trace and a program's, merged, are what babeltrace2 makes of them")
  func kernelBesideProgram() throws {
    let program = fixture("kinds")
    let alone = try Trace(opening: [program])
    let offset = try #require(alone.members.first?.clocks.first).offsetCycles
    let begin = try #require(alone.beginTimestamp)
    let metadataFile = "\(program)/ust/uid/0/64-bit/metadata"
    let text = String(decoding: try Data(contentsOf: URL(fileURLWithPath: metadataFile)), as: UTF8.self)
    let clockBegin = try #require(text.range(of: "clock {"))
    let clockEnd = try #require(text.range(of: "};", range: clockBegin.upperBound..<text.endIndex))
    // The packets of metadata are longer than this block, whose text is in one piece.
    let clock = String(text[clockBegin.lowerBound..<clockEnd.upperBound])
    let cycles = UInt64(begin - offset)
    let kernel = try TemporaryTrace(
      metadata: Array(Self.metadata(clock).utf8),
      files: [
        "channel0_0": Self.stream(cpu: 0, from: cycles - 500_000_000, events: 200),
        "channel0_1": Self.stream(cpu: 1, from: cycles - 300_000, events: 200),
      ])
    let paths = [kernel.path, program]
    let ours = try dump(paths)
    #expect(ours.diagnostics.isEmpty)
    #expect(ours.lines.count == 400 + (try dump([program]).lines.count))
    if Babeltrace.path != nil {
      let theirs = try #require(try Babeltrace.lines(kernel.path, program))
      #expect(ours.lines.sorted() == theirs.sorted())
      // Of one timestamp the order of streams is free; the timestamps themselves have one order.
      #expect(ours.lines.map { $0.prefix(20) } == theirs.map { $0.prefix(20) })
    }
  }
}
