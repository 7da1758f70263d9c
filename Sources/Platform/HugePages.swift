/// The host's pool of huge pages of one size (Documentation/admin-guide/mm/hugetlbpage.rst).
package enum HugePages {
  /// How many can still be had: those that are free and that nobody has been promised, and those that the pool may grow by.
  ///
  /// - Returns: nil where the host does not tell.
  package static func available(pageSize: UInt64) -> UInt64? {
    let directory = "/sys/kernel/mm/hugepages/hugepages-\(pageSize >> 10)kB"
    func count(_ name: String) -> UInt64? {
      TextFile.read("\(directory)/\(name)")?.split(separator: "\n").first.flatMap { UInt64($0) }
    }
    guard let free = count("free_hugepages"), let promised = count("resv_hugepages") else { return nil }
    let more = count("nr_overcommit_hugepages") ?? 0
    let grown = count("surplus_hugepages") ?? 0
    return free - min(free, promised) + (more - min(more, grown))
  }
}
