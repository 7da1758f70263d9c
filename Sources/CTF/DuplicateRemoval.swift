/// Leaves out of a trace's files what is in several of them, and puts the packets of one stream in order where its files
/// overlap.
struct DuplicateRemoval {
  private enum Group: Hashable {
    case instance(stream: Int, id: UInt64)
    case cpu(stream: Int, id: UInt64)
    case stream(Int)
  }

  private let plans: TracePlans
  private let buffer: PacketBuffer
  /// Packets that were left out.
  private(set) var duplicates = 0
  /// Why some files are read as they are.
  private(set) var problems: [TraceError] = []

  init(_ plans: TracePlans, _ buffer: PacketBuffer) {
    self.plans = plans
    self.buffer = buffer
  }

  /// What is to be read: the results as they are, and pieces in place of those that share packets with others.
  mutating func remove(from results: [FileIndexer.Result]) -> [FileIndexer.Result] {
    var groups: [Group: [Int]] = [:]
    let (instances, cpus) = (streams(results) { $0.instanceID != nil }, streams(results) { $0.hasOneCPU })
    for (number, result) in results.enumerated() {
      let group: Group
      if instances.contains(result.stream), let id = result.instanceID {
        group = .instance(stream: result.stream, id: id)
      } else if cpus.contains(result.stream), let id = result.cpu {
        group = .cpu(stream: result.stream, id: id)
      } else {
        group = .stream(result.stream)
      }
      groups[group, default: []].append(number)
    }
    var replacements: [Int: [FileIndexer.Result]] = [:]
    for (group, members) in groups where members.count > 1 {
      let isOneStream = if case .instance = group { true } else { false }
      replace(members, of: results, isOneStream: isOneStream, &replacements)
    }
    guard !replacements.isEmpty else { return results }
    return results.enumerated().flatMap { replacements[$0.offset] ?? [$0.element] }
  }

  /// The stream classes all of whose files have something.
  private func streams(
    _ results: [FileIndexer.Result], _ has: (FileIndexer.Result) -> Bool
  ) -> Set<Int> {
    var streams = Set(results.map(\.stream))
    for result in results where !has(result) { streams.remove(result.stream) }
    return streams
  }

  private mutating func replace(
    _ members: [Int], of results: [FileIndexer.Result], isOneStream: Bool,
    _ replacements: inout [Int: [FileIndexer.Result]]
  ) {
    let order: PacketOrder =
      !members.allSatisfy({ results[$0].isIn(.time) }) && members.allSatisfy({ results[$0].isIn(.sequence) })
      ? .sequence : .time
    let sorted = members.filter { results[$0].isIn(order) }.sorted {
      (order.key(results[$0].first)!, $0) < (order.key(results[$1].first)!, $1)
    }
    leaveOutCopies(of: members.filter { !results[$0].isIn(order) }, results, &replacements)
    var begin = 0
    while begin < sorted.count {
      // Files that overlap, directly or by way of others.
      var end = begin + 1
      var last = order.key(results[sorted[begin]].last)!
      while end < sorted.count, order.key(results[sorted[end]].first)! <= last {
        last = max(last, order.key(results[sorted[end]].last)!)
        end += 1
      }
      if end - begin > 1 {
        merge(sorted[begin..<end].sorted(), of: results, order, isOneStream: isOneStream, &replacements)
      }
      begin = end
    }
  }

  private mutating func merge(
    _ files: [Int], of results: [FileIndexer.Result], _ order: PacketOrder, isOneStream: Bool,
    _ replacements: inout [Int: [FileIndexer.Result]]
  ) {
    do throws(TraceError) {
      guard
        let finding = try DuplicateFinder.find(
          in: files.map { results[$0] }, plans, order: order, isOneStream: isOneStream)
      else { return }
      var wanted = [[Range<Int>]](repeating: [], count: files.count)
      for piece in finding.pieces { wanted[piece.file].append(piece.packets) }
      var pieces: [[FileIndexer.Result]] = []
      for (number, file) in files.enumerated() {
        if wanted[number].count == 1, finding.leftOut[number] == 0 {
          pieces.append([results[file]])
          continue
        }
        guard let found = FileIndexer.index(results[file], wanted[number], plans, buffer) else {
          throw TraceError(file: results[file].path, message: "the file has changed while it was read")
        }
        pieces.append(found.reversed())
      }
      for file in files { replacements[file] = [] }
      // What is one stream stays in the order of its packets.
      for piece in finding.pieces {
        let place = isOneStream ? files[0] : files[piece.file]
        if let next = pieces[piece.file].popLast() { replacements[place]?.append(next) }
      }
      duplicates += finding.leftOut.reduce(0, +)
    } catch {
      problems.append(error)
    }
  }

  /// Of files whose packets are in no order only those are left out that are the same as another one, as a whole.
  private mutating func leaveOutCopies(
    of files: [Int], _ results: [FileIndexer.Result], _ replacements: inout [Int: [FileIndexer.Result]]
  ) {
    let comparison = ContentComparison()
    var known: [PacketIdentity: [Int]] = [:]
    for file in files {
      let result = results[file]
      guard result.first.begin != nil || result.first.sequence != nil else { continue }
      let identity = PacketIdentity(result.first)
      let isCopy = (known[identity] ?? []).contains {
        results[$0].size == result.size && results[$0].path != result.path
          && comparison.isSame(results[$0].path, 0, result.path, 0, count: result.size)
      }
      if isCopy {
        duplicates += result.packetCount
        replacements[file] = []
      } else {
        known[identity, default: []].append(file)
      }
    }
  }
}

extension FileIndexer.Result {
  /// Whether all packets say that they are from the same CPU.
  var hasOneCPU: Bool { cpu != nil && !hasSeveralCPUs }

  /// Whether the packets come in an order.
  func isIn(_ order: PacketOrder) -> Bool {
    guard order.key(first) != nil, order.key(last) != nil else { return false }
    return order == .time ? isInTimeOrder : isInSequence
  }
}
