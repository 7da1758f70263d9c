import Glibc

/// A histogram of durations in ns with an exemplar for each bucket.
///
/// Buckets are log-linear: values below 128 are exact, above that each power of two has 128 buckets, so that
/// a bucket is at most 1/128 (0.8 %) wide. Count, sum, minimum and maximum are exact. Adding two histograms
/// gives exactly the histogram of all their values, and of the events in a bucket the earliest is the
/// exemplar, whatever the order of recording. Buckets are allocated by power of two as they are needed;
/// ``highestBucketed`` bounds them.
///
/// A handle to memory that its owner frees: copying it copies the reference.
struct LatencyHistogram {
  /// Values above are counted in the last bucket; minimum, maximum and sum remain exact (73 minutes).
  static let highestBucketed: Int64 = (1 << 42) - 1
  static let octaves = 36
  static let bucketsPerOctave = 128

  struct Bucket {
    var count: UInt64
    var timestamp: Int64
    var location: UInt64
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
  private var chunks: UnsafeMutablePointer<UnsafeMutablePointer<Bucket>?> {
    UnsafeMutableRawPointer(header + 1).assumingMemoryBound(to: UnsafeMutablePointer<Bucket>?.self)
  }

  init() {
    let pointers = MemoryLayout<UnsafeMutablePointer<Bucket>?>.stride * Self.octaves
    let memory = UnsafeMutableRawPointer.allocate(
      byteCount: MemoryLayout<Header>.stride + pointers, alignment: MemoryLayout<Header>.alignment)
    header = memory.initializeMemory(as: Header.self, to: Header())
    (memory + MemoryLayout<Header>.stride).initializeMemory(
      as: UnsafeMutablePointer<Bucket>?.self, repeating: nil, count: Self.octaves)
  }

  /// Bytes that one takes without buckets.
  static let size = MemoryLayout<Header>.stride + MemoryLayout<Int>.stride * octaves

  func free() {
    for octave in 0..<Self.octaves { chunks[octave]?.deallocate() }
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
    let (octave, index) = Self.bucket(of: value)
    guard let chunk = chunks[octave] else {
      let chunk = allocate(octave)
      chunk[index] = Bucket(count: 1, timestamp: timestamp, location: location)
      return
    }
    let bucket = chunk + index
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

  /// Where a value is counted.
  @inline(__always)
  static func bucket(of value: Int64) -> (octave: Int, index: Int) {
    let value = UInt64(bitPattern: min(value, highestBucketed))
    if value < 128 { return (0, Int(value)) }
    let exponent = 63 &- value.leadingZeroBitCount
    return (exponent &- 6, Int((value >> UInt64(exponent &- 7)) & 127))
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
  private func allocate(_ octave: Int) -> UnsafeMutablePointer<Bucket> {
    let chunk = UnsafeMutablePointer<Bucket>.allocate(capacity: Self.bucketsPerOctave)
    chunk.initialize(
      repeating: Bucket(count: 0, timestamp: 0, location: 0), count: Self.bucketsPerOctave)
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
        try coder.reserve(MemoryLayout<Bucket>.stride * Self.bucketsPerOctave)
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
      }
    }
    try coder.require(counted == known.count, "a histogram of \(known.count) durations with \(counted)")
  }
}
