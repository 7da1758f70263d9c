import Testing

@testable import Platform

@Suite("Memory limits of control groups")
struct MemoryLimitsTests {
  private func limits(joining: String? = nil, _ files: [String: String]) -> [MemoryLimits.Limit] {
    MemoryLimits(joining: joining) { files[$0] }.limits
  }

  private let second = [
    "/proc/self/mountinfo":
      "30 23 0:26 / /proc rw - proc proc rw\n31 23 0:28 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw\n",
    "/proc/self/cgroup": "0::/user.slice/a.scope\n",
    "/sys/fs/cgroup/user.slice/a.scope/memory.max": "max\n",
    "/sys/fs/cgroup/user.slice/memory.max": "1073741824\n",
    "/sys/fs/cgroup/user.slice/memory.current": "800000000\n",
    "/sys/fs/cgroup/user.slice/memory.stat": "anon 1\nfile 3\ninactive_file 300000000\nactive_file 5\n",
    "/sys/fs/cgroup/other/memory.max": "4096\n",
  ]

  @Test("Version 2: of the group and all above it, less what can be had back")
  func unified() {
    let limit = MemoryLimits.Limit(
      group: "/sys/fs/cgroup/user.slice", bytes: 1 << 30, available: 1 << 30 - 500_000_000, file: "memory.max"
    )
    #expect(limits(second) == [limit])
    // A group that is joined counts instead, also one of which the process knows another name.
    #expect(limits(joining: "/sys/fs/cgroup/other/", second).map(\.bytes) == [4096])
    #expect(limits(joining: "/somewhere/else", second) == [limit])
    var tight = second
    tight["/sys/fs/cgroup/user.slice/a.scope/memory.max"] = "1000"
    let all = MemoryLimits { tight[$0] }
    #expect(all.limits.map(\.bytes) == [1000, 1 << 30])
    #expect(all.lowest?.bytes == 1000)
    #expect(all.fullest?.group == "/sys/fs/cgroup/user.slice", "the other does not tell what it uses")
  }

  @Test("Version 1: of the hierarchy that has memory, where no limit is a large number")
  func legacy() {
    let files = [
      "/proc/self/mountinfo": """
      35 31 0:32 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu
      36 31 0:33 / /sys/fs/cgroup/my\\040memory rw - cgroup cgroup rw,memory
      41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw

      """,
      "/proc/self/cgroup": "9:name=systemd:/\n4:hugetlb,memory:/x/y\n3:cpu:/z\n0::/\n",
      "/sys/fs/cgroup/my memory/x/y/memory.limit_in_bytes": "536870912\n",
      "/sys/fs/cgroup/my memory/x/y/memory.usage_in_bytes": "536870912\n",
      "/sys/fs/cgroup/my memory/x/y/memory.stat": "inactive_file 1\ntotal_inactive_file 4096\n",
      "/sys/fs/cgroup/my memory/x/memory.limit_in_bytes": "9223372036854771712\n",
      "/sys/fs/cgroup/my memory/memory.limit_in_bytes": "9223372036854771712\n",
    ]
    #expect(
      limits(files) == [
        .init(
          group: "/sys/fs/cgroup/my memory/x/y", bytes: 512 << 20, available: 4096,
          file: "memory.limit_in_bytes")
      ])
    #expect(limits(joining: "/sys/fs/cgroup/cpu/z", files).count == 1, "that hierarchy has no memory")
  }

  @Test("In a container only what is mounted can be looked at")
  func container() {
    let files = [
      "/proc/self/mountinfo": "31 23 0:28 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n",
      "/proc/self/cgroup": "4:memory:/docker/abc\n",
      "/sys/fs/cgroup/memory/memory.limit_in_bytes": "1048576\n",
    ]
    #expect(limits(files).map(\.bytes) == [1 << 20])
    var moved = files
    moved["/proc/self/cgroup"] = "4:memory:/elsewhere/entirely\n"
    #expect(limits(moved).map(\.bytes) == [1 << 20])
    // A group inside of it is where the mount has it, and none outside is looked for.
    var inner = files
    inner["/proc/self/cgroup"] = "4:memory:/docker/abc/inner\n"
    inner["/sys/fs/cgroup/memory/inner/memory.limit_in_bytes"] = "65536\n"
    #expect(limits(inner).map(\.bytes) == [1 << 16, 1 << 20])
    inner["/proc/self/cgroup"] = "4:memory:/docker/abc/../other\n"
    inner["/sys/fs/cgroup/memory/../other/memory.limit_in_bytes"] = "4096\n"
    #expect(limits(inner).map(\.bytes) == [1 << 20])
    #expect(limits(["/proc/self/cgroup": "0::/\n"]).isEmpty)
    for nonsense in ["", "x", "31 23 - cgroup2", "\n\n - - -\n"] {
      #expect(limits(["/proc/self/mountinfo": nonsense, "/proc/self/cgroup": nonsense]).isEmpty)
    }
  }
}
