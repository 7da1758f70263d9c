import Glibc

/// A histogram of durations in ns with an exemplar for each bucket.
///
/// Buckets are log-linear: values below 128 are exact, above that each power of two has 128 buckets, so that
/// a bucket is at most 1/128 (0.8 %) wide. Percentiles are finer: each bucket counts its values in ``parts`` parts,
/// at most 1/1024 wide, and values below 2048 are exact. Count, sum, minimum and maximum are exact. Adding two
/// histograms gives exactly the histogram of all their values, and of the events in a bucket the earliest is the
/// exemplar, whatever the order of recording. Buckets are allocated by power of two as they are needed;
/// ``highestBucketed`` bounds them.
///
/// A handle to memory that its owner frees: copying it copies the reference.
struct LatencyHistogram {
  /// Values above are counted in the last bucket; minimum, maximum and sum remain exact (73 minutes).
  static let highestBucketed: Int64 = (1 << 42) - 1
  static let octaves = 36
  static let bucketsPerOctave = 128
  /// Counts of a bucket, each of an eighth of its values, or of one where it has fewer than eight.
  static let parts = 8

  struct Bucket {
    var count: UInt64
    var timestamp: Int64
    var location: UInt64
  }

  /// The buckets of a power of two, and behind them, in the same piece of memory, the counts of their parts. Those stop at
  /// their highest value, so that they add up in any order: within such a bucket percentiles are as coarse as it is.
  struct Chunk {
    let buckets: UnsafeMutablePointer<Bucket>

    @inline(__always)
    var parts: UnsafeMutablePointer<UInt32> {
      UnsafeMutableRawPointer(buckets + bucketsPerOctave).assumingMemoryBound(to: UInt32.self)
    }

    /// Its bytes.
    static let size =
      bucketsPerOctave * (MemoryLayout<Bucket>.stride + LatencyHistogram.parts * MemoryLayout<UInt32>.stride)

    init() {
      let memory = UnsafeMutableRawPointer.allocate(
        byteCount: Self.size, alignment: MemoryLayout<Bucket>.alignment)
      buckets = memory.initializeMemory(
        as: Bucket.self, repeating: Bucket(count: 0, timestamp: 0, location: 0), count: bucketsPerOctave)
      parts.initialize(repeating: 0, count: bucketsPerOctave * LatencyHistogram.parts)
    }

    @inline(__always)
    subscript(index: Int) -> Bucket {
      get { buckets[index] }
      nonmutating set { buckets[index] = newValue }
    }

    /// Counts more values in a part.
    @inline(__always)
    func count(_ more: UInt32, in part: Int) {
      let (sum, isTooLarge) = parts[part].addingReportingOverflow(more)
      parts[part] = isTooLarge ? .max : sum
    }
  }

  struct Header {
    var count: UInt64 = 0
    var sum: Int64 = 0
    var minimum: Int64 = .max
    var maximum: Int64 = .min
    var maximumTimestamp: Int64 = 0
    var maximumLocation: UInt64 = 0
  }

  let header: UnsafeMutablePointer<Header>

  /// The buckets by power of two, in the same piece of memory as the header, behind it.
  @inline(__always)
  private var chunks: UnsafeMutablePointer<Chunk?> {
    UnsafeMutableRawPointer(header + 1).assumingMemoryBound(to: Chunk?.self)
  }

  init() {
    let pointers = MemoryLayout<Chunk?>.stride * Self.octaves
    let memory = UnsafeMutableRawPointer.allocate(
      byteCount: MemoryLayout<Header>.stride + pointers, alignment: MemoryLayout<Header>.alignment)
    header = memory.initializeMemory(as: Header.self, to: Header())
    (memory + MemoryLayout<Header>.stride).initializeMemory(
      as: Chunk?.self, repeating: nil, count: Self.octaves)
  }

  /// Bytes that one takes without buckets.
  static let size = MemoryLayout<Header>.stride + MemoryLayout<Int>.stride * octaves

  func free() {
    for octave in 0..<Self.octaves { chunks[octave]?.buckets.deallocate() }
    header.deallocate()
  }

  var count: UInt64 { header.pointee.count }
  var sum: Int64 { header.pointee.sum }

  @inline(__always)
  func record(_ value: Int64, timestamp: Int64, location: UInt64) {
    let value = max(value, 0)
    header.pointee.count &+= 1
    header.pointee.sum &+= value
    if value < header.pointee.minimum { header.pointee.minimum = value }
    if value >= header.pointee.maximum { raiseMaximum(value, timestamp, location) }
    let (octave, part) = Self.part(of: value)
    let chunk = chunks[octave] ?? allocate(octave)
    chunk.count(1, in: part)
    let bucket = chunk.buckets + part / Self.parts
    bucket.pointee.count &+= 1
    if bucket.pointee.count == 1 || timestamp < bucket.pointee.timestamp {
      bucket.pointee.timestamp = timestamp
      bucket.pointee.location = location
    } else if timestamp == bucket.pointee.timestamp {
      bucket.pointee.location = min(location, bucket.pointee.location)
    }
  }

  func add(_ other: LatencyHistogram) {
    guard other.count > 0 else { return }
    let added = other.header.pointee
    header.pointee.count &+= added.count
    header.pointee.sum &+= added.sum
    header.pointee.minimum = min(header.pointee.minimum, added.minimum)
    if added.maximum >= header.pointee.maximum {
      raiseMaximum(added.maximum, added.maximumTimestamp, added.maximumLocation)
    }
    for octave in 0..<Self.octaves {
      guard let source = other.chunks[octave] else { continue }
      let target = chunks[octave] ?? allocate(octave)
      for index in 0..<Self.bucketsPerOctave where source[index].count > 0 {
        let from = source[index]
        let into = target[index]
        let keeps =
          into.count > 0
          && (into.timestamp, into.location) < (from.timestamp, from.location)
        target[index] = Bucket(
          count: into.count &+ from.count, timestamp: keeps ? into.timestamp : from.timestamp,
          location: keeps ? into.location : from.location)
        for part in index * Self.parts..<(index + 1) * Self.parts {
          target.count(source.parts[part], in: part)
        }
      }
    }
  }

  /// Calls `body` with each bucket that is not empty, in ascending order: its lowest and highest value, its
  /// count and its earliest event.
  func forEachBucket(_ body: (ClosedRange<Int64>, UInt64, Exemplar) -> Void) {
    forEachBucketLocation { body($0, $1, Exemplar(timestamp: $2, location: $3)) }
  }

  /// The same with the time and the location of the event.
  func forEachBucketLocation(_ body: (ClosedRange<Int64>, UInt64, Int64, UInt64) -> Void) {
    for octave in 0..<Self.octaves {
      guard let chunk = chunks[octave] else { continue }
      for index in 0..<Self.bucketsPerOctave where chunk[index].count > 0 {
        let bucket = chunk[index]
        body(Self.values(octave: octave, index: index), bucket.count, bucket.timestamp, bucket.location)
      }
    }
  }

  /// The values that those of the ranks are among, with the earliest event of their bucket: one value below 2048, at most
  /// 1/1024 of them above.
  ///
  /// - Parameter ranks: from 1 to ``count``, ascending.
  func values(ofRanks ranks: [UInt64]) -> [(values: ClosedRange<Int64>, exemplar: Exemplar)] {
    var found: [(ClosedRange<Int64>, Exemplar)] = []
    var seen: UInt64 = 0
    for octave in 0..<Self.octaves {
      guard let chunk = chunks[octave] else { continue }
      for index in 0..<Self.bucketsPerOctave where chunk[index].count > 0 {
        let bucket = chunk[index]
        while found.count < ranks.count, seen &+ bucket.count >= ranks[found.count] {
          found.append(
            (
              values(ofRank: ranks[found.count] - seen, chunk, octave: octave, index: index),
              Exemplar(timestamp: bucket.timestamp, location: bucket.location)
            ))
        }
        seen &+= bucket.count
        if found.count == ranks.count { return found }
      }
    }
    return found
  }

  /// Those of the part of a bucket that a rank among its values is in.
  private func values(ofRank rank: UInt64, _ chunk: Chunk, octave: Int, index: Int) -> ClosedRange<Int64> {
    let all = Self.values(octave: octave, index: index)
    let width = max(1, (all.upperBound - all.lowerBound + 1) / Int64(Self.parts))
    var seen: UInt64 = 0
    for part in 0..<Self.parts {
      let count = chunk.parts[index * Self.parts + part]
      guard count < .max else { return all }
      seen += UInt64(count)
      if seen >= rank {
        let lowest = all.lowerBound + Int64(part) * width
        return lowest...(lowest + width - 1)
      }
    }
    return all
  }

  /// Where a value is counted: a power of two, and a place among the parts of all its buckets.
  @inline(__always)
  static func part(of value: Int64) -> (octave: Int, part: Int) {
    let value = UInt64(bitPattern: min(value, highestBucketed))
    if value < 128 { return (0, Int(value) &* parts) }
    let exponent = 63 &- value.leadingZeroBitCount
    let octave = exponent &- 6
    if exponent >= 10 { return (octave, Int(value >> UInt64(exponent &- 10)) & 1023) }
    // A bucket of 1, 2 or 4 values has as many parts.
    let bits = UInt64(exponent &- 7)
    return (octave, Int(value >> bits) & 127 &* parts &+ Int(value & (1 << bits &- 1)))
  }

  /// The bucket in which a value is counted.
  static func bucket(of value: Int64) -> (octave: Int, index: Int) {
    let (octave, part) = part(of: value)
    return (octave, part / parts)
  }

  /// The values that a bucket holds.
  static func values(octave: Int, index: Int) -> ClosedRange<Int64> {
    if octave == 0 { return Int64(index)...Int64(index) }
    let width = Int64(1) << Int64(octave - 1)
    let lowest = Int64(128 + index) << Int64(octave - 1)
    return lowest...(lowest + width - 1)
  }

  private func raiseMaximum(_ value: Int64, _ timestamp: Int64, _ location: UInt64) {
    let known = header.pointee
    if value == known.maximum && (known.maximumTimestamp, known.maximumLocation) < (timestamp, location) {
      return
    }
    header.pointee.maximum = value
    header.pointee.maximumTimestamp = timestamp
    header.pointee.maximumLocation = location
  }

  @inline(never)
  private func allocate(_ octave: Int) -> Chunk {
    let chunk = Chunk()
    chunks[octave] = chunk
    return chunk
  }
}

// MARK: Kept in a file

extension LatencyHistogram {
  func code(_ coder: inout StateCoder) throws(StateError) {
    var known = header.pointee
    try coder.code(count: &known.count)
    guard known.count > 0 else { return }
    try coder.code(&known.sum)
    try coder.code(&known.minimum)
    try coder.code(&known.maximum)
    try coder.require(0 <= known.minimum && known.minimum <= known.maximum, "a range of durations")
    try coder.code(moment: &known.maximumTimestamp)
    try coder.code(location: &known.maximumLocation, at: known.maximumTimestamp, lasts: known.maximum)
    if coder.isReading { header.pointee = known }
    var counted: UInt64 = 0
    let octaves = (0..<Self.octaves).filter { chunks[$0] != nil }
    try coder.sparse(octaves, Self.octaves) { (octave, coder) throws(StateError) in
      if coder.isReading {
        try coder.reserve(Chunk.size)
        _ = allocate(octave)
      }
      guard let chunk = chunks[octave] else { return }
      let used = (0..<Self.bucketsPerOctave).filter { chunk[$0].count > 0 }
      try coder.sparse(used, Self.bucketsPerOctave) { (index, coder) throws(StateError) in
        var bucket = chunk[index]
        try coder.code(count: &bucket.count)
        try coder.code(moment: &bucket.timestamp)
        try coder.code(
          location: &bucket.location, at: bucket.timestamp,
          lasts: Self.values(octave: octave, index: index).upperBound)
        chunk[index] = bucket
        counted += bucket.count
        try code(partsOf: index, chunk, octave, &coder)
      }
    }
    try coder.require(counted == known.count, "a histogram of \(known.count) durations with \(counted)")
  }
  /// The counts of a bucket's parts, which are as many as the bucket's but where one reached its highest value.
  private func code(
    partsOf index: Int, _ chunk: Chunk, _ octave: Int, _ coder: inout StateCoder
  ) throws(StateError) {
    // A bucket of 1, 2 or 4 values has as many parts.
    let size = min(Self.parts, 1 << max(octave - 1, 0))
    let parts = chunk.parts + index * Self.parts
    var rest = chunk[index].count
    try coder.sparse((0..<size).filter { parts[$0] > 0 }, size) { (part, coder) throws(StateError) in
      var count = UInt64(parts[part])
      try coder.code(count: &count)
      try coder.require(count <= UInt32.max, "a part of \(count) durations")
      if coder.isReading { parts[part] = UInt32(count) }
      try coder.require(count <= rest, "a bucket of \(chunk[index].count) durations with more")
      rest -= count
    }
    let isExact = (0..<size).allSatisfy { parts[$0] < .max }
    try coder.require(rest == 0 || !isExact, "a bucket of \(chunk[index].count) durations with fewer")
  }
}
