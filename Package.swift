// swift-tools-version: 6.2
import PackageDescription

let swift: [SwiftSetting] = [.treatAllWarnings(as: .error)]
/// For targets where every step that the compiler cannot prove safe is marked (SE-0458).
let strict = swift + [.strictMemorySafety()]
/// For what tests spend most of their time in, in their own process and in programs: optimized in builds for debugging, too, with what
/// these check.
let quick: [SwiftSetting] = [
  .unsafeFlags(["-O", "-assert-config", "Debug"], .when(configuration: .debug))
]
let c: [CSetting] = [.treatAllWarnings(as: .error)]

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let histogram = Target.Dependency.product(name: "Histogram", package: "hdrhistogram-swift")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let system = Target.Dependency.product(name: "SystemPackage", package: "swift-system")

/// How the guests in C are made, in every build alike: as code that needs nothing but itself (Sources/CVirtioGuests/guest.h).
let guest: [CSetting] = [
  .treatAllWarnings(as: .error),
  .unsafeFlags([
    "-O2", "-ffreestanding", "-fPIC", "-mgeneral-regs-only", "-mno-red-zone", "-fno-jump-tables",
    "-fno-stack-protector", "-fno-asynchronous-unwind-tables", "-fcf-protection=none", "-fno-sanitize=all",
    "-fno-profile-instr-generate", "-fno-coverage-mapping",
  ]),
]

/// The virtual machine monitor. Needs Linux's KVM headers and liblttng-ust.
let monitor: [Target] = [
  .target(name: "CKVM", cSettings: c),
  .target(name: "CLinux", cSettings: c),
  .target(
    name: "CTracepoints", cSettings: c,
    linkerSettings: [.linkedLibrary("dl")]),
  .target(name: "CURing", cSettings: c, linkerSettings: [.linkedLibrary("uring")]),
  .target(name: "URing", dependencies: ["Platform", "CURing"], swiftSettings: swift),
  .target(name: "CSlirp", cSettings: c, linkerSettings: [.linkedLibrary("dl")]),
  .target(name: "CGuestPrograms", cSettings: c),
  .target(name: "CVirtioGuests", dependencies: ["CGuestPrograms"], cSettings: guest),
  .target(name: "Platform", dependencies: ["CLinux", "CArguments", system], swiftSettings: swift),
  .target(name: "GuestRAM", dependencies: ["Platform", "CLinux"], swiftSettings: strict + quick),
  .target(name: "Processors", swiftSettings: swift),
  .target(name: "Engine", dependencies: ["GuestRAM", "Platform"], swiftSettings: swift),
  .target(name: "KVM", dependencies: ["Engine", "GuestRAM", "Platform", "CKVM"], swiftSettings: strict),
  .target(name: "CUnicorn", cSettings: c, linkerSettings: [.linkedLibrary("dl")]),
  .target(
    name: "TCG", dependencies: ["Engine", "GuestRAM", "Platform", "Devices", "CUnicorn", "Processors"],
    swiftSettings: swift),
  .target(name: "Board", dependencies: ["Processors"], swiftSettings: swift),
  // Runs the toolchain's clang and ld.lld for guests of other architectures, whenever their sources have changed.
  .executableTarget(
    name: "guest-compiler", dependencies: ["Board", "Processors"], path: "Sources/GuestCompiler",
    swiftSettings: swift),
  .plugin(
    name: "GuestCompilerPlugin", capability: .buildTool(), dependencies: ["guest-compiler"],
    path: "Sources/GuestCompilerPlugin"),
  .target(
    name: "ForeignGuests", dependencies: ["Processors"], exclude: ["Kit"], swiftSettings: swift,
    plugins: ["GuestCompilerPlugin"]),
  .target(name: "Devices", dependencies: ["GuestRAM"], swiftSettings: strict + quick),
  .target(
    name: "Virtio", dependencies: ["Devices", "GuestRAM", "Platform", "URing", "CLinux", "CURing", "CSlirp"],
    swiftSettings: swift + quick),
  .target(name: "Boot", dependencies: ["Board", "Engine", "GuestRAM", "Platform"], swiftSettings: swift),
  .target(
    name: "GuestPrograms",
    dependencies: ["CGuestPrograms", "CVirtioGuests", "ForeignGuests", "Board", "Processors", "Spelling"],
    swiftSettings: swift),
  .target(
    name: "Machine",
    dependencies: [
      "Platform", "URing", "Processors", "Engine", "KVM", "TCG", "GuestRAM", "Board", "Boot", "Devices",
      "Virtio",
      "GuestPrograms", "CTracepoints",
    ],
    swiftSettings: swift),
  .target(name: "Recorder", dependencies: ["Platform"], swiftSettings: swift),
  .target(name: "GuestAgent", dependencies: ["Platform", "InertText"], swiftSettings: swift),
  .target(name: "Sweep", dependencies: ["Platform", "InertText", "Spelling", yams], swiftSettings: swift),
  .target(name: "SweepOptions", dependencies: [argumentParser], swiftSettings: swift),
  .executableTarget(
    name: "exeunt-sweep",
    dependencies: ["Sweep", "SweepOptions", "Platform", "CFaults", "InertText", argumentParser],
    swiftSettings: swift),
  .executableTarget(
    name: "exeunt",
    dependencies: [
      "Machine", "Board", "Boot", "Processors", "Recorder", "GuestAgent", "GuestPrograms", "SweepOptions",
      "Platform",
      "CFaults", "Spelling", "InertText", argumentParser,
    ],
    swiftSettings: swift),
]

/// The analyzer. Builds on any machine: no header of KVM or LTTng is read.
let analyzer: [Target] = [
  .target(name: "CStack", cSettings: c),
  .target(name: "CTF", dependencies: ["CStack"], swiftSettings: strict + quick),
  .target(name: "Analysis", dependencies: ["CTF"], swiftSettings: swift + quick),
  .target(name: "Dump", dependencies: ["CTF", "Spelling", "InertText"], swiftSettings: swift + quick),
  .target(name: "Reports", swiftSettings: swift),
  .target(name: "Statistics", swiftSettings: swift + quick),
  .target(name: "Symbols", swiftSettings: swift + quick),
  .target(
    name: "Reporting",
    dependencies: ["Reports", "Analysis", "CTF", "Dump", "Statistics", "Symbols", "InertText"],
    swiftSettings: swift + quick),
  .target(name: "CSQLite", cSettings: c),
  .target(
    name: "Export", dependencies: ["Analysis", "CTF", "Dump", "Reports", "Symbols", "CSQLite"],
    swiftSettings: swift + quick),
  .target(
    name: "Pages",
    dependencies: ["Reporting", "Reports", "Statistics", "Export", "Analysis", "CTF", "InertText"],
    resources: [
      .embedInCode("Timeline/Viewer/numbers.js"), .embedInCode("Timeline/Viewer/data.js"),
      .embedInCode("Timeline/Viewer/words.js"), .embedInCode("Timeline/Viewer/picture.js"),
      .embedInCode("Timeline/Viewer/search.js"), .embedInCode("Timeline/Viewer/layout.js"),
      .embedInCode("Timeline/Viewer/ways.js"), .embedInCode("Timeline/Viewer/marks.js"),
      .embedInCode("Timeline/Viewer/parts.js"), .embedInCode("Timeline/Viewer/panel.js"),
      .embedInCode("Timeline/Viewer/viewer.js"), .embedInCode("Timeline/Viewer/input.js"),
      .embedInCode("Timeline/Viewer/timeline.css"),
    ],
    swiftSettings: swift + quick),
  .executableTarget(
    name: "exeunt-analyze",
    dependencies: [
      "Pages", "Export", "Reporting", "Reports", "Statistics", "Symbols", "Dump", "Analysis", "CTF",
      "CArguments", "CFaults", "Spelling", "InertText",
      argumentParser,
    ],
    swiftSettings: swift),
]

/// What both need.
let common: [Target] = [
  .target(name: "CArguments", cSettings: c),
  .target(name: "CFaults", cSettings: c),
  .target(name: "Spelling", swiftSettings: swift),
  .target(name: "InertText", swiftSettings: swift),
]

/// EXEUNT_TESTS names targets with tests, between spaces: a build of only these and what they need (`.ci/test`, which builds
/// what it runs under sanitizers).
func asked(_ targets: [Target]) -> [Target] {
  guard let names = Context.environment["EXEUNT_TESTS"] else { return targets }
  var needed: Set<String> = []
  // The guests of other architectures are compiled by them.
  var left = names.split(separator: " ").map(String.init) + ["GuestCompilerPlugin", "guest-compiler"]
  while let name = left.popLast() {
    guard needed.insert(name).inserted else { continue }
    for dependency in targets.first(where: { $0.name == name })?.dependencies ?? [] {
      switch dependency {
      case .byNameItem(let name, _), .targetItem(let name, _): left.append(name)
      default: break
      }
    }
  }
  return targets.filter { needed.contains($0.name) }
}

let targets = asked(
  common + monitor + analyzer + [
    .testTarget(
      name: "CTFTests", dependencies: ["CTF", "Analysis", "Dump", "Reporting"],
      resources: [.copy("Fixtures"), .copy("Golden")],
      swiftSettings: swift),
    .testTarget(name: "AnalysisTests", dependencies: ["Analysis", "CTF", histogram], swiftSettings: swift),
    .testTarget(
      name: "StatisticsTests", dependencies: ["Statistics", "TestSupport"], exclude: ["Oracle"],
      swiftSettings: swift),
    .testTarget(name: "InertTextTests", dependencies: ["InertText"], swiftSettings: swift),
    .testTarget(name: "SymbolsTests", dependencies: ["Symbols", "TestSupport"], swiftSettings: swift),
    .testTarget(
      name: "ReportingTests",
      dependencies: [
        "Pages", "Reporting", "Reports", "Export", "Symbols", "Dump", "Analysis", "CTF", "SyntheticRuns",
      ],
      exclude: ["Golden"], swiftSettings: swift),
    .target(
      name: "SyntheticRuns", dependencies: ["Reporting", "Reports"], path: "Tests/SyntheticRuns",
      swiftSettings: swift),
    .testTarget(name: "SweepTests", dependencies: ["Sweep", "Statistics"], swiftSettings: swift),
    .testTarget(
      name: "PagesTests",
      dependencies: [
        "Pages", "Reporting", "Reports", "Analysis", "CTF", "TestSupport", "SyntheticRuns", "exeunt-analyze",
      ],
      swiftSettings: swift),
    .target(name: "CTestGuests", path: "Tests/TestGuests", cSettings: c),
    .target(
      name: "TestSupport", dependencies: ["Platform", "CKVM"], path: "Tests/TestSupport",
      swiftSettings: swift + quick),
    .target(
      name: "ScriptedEngine", dependencies: ["Engine", "GuestRAM", "Platform"], path: "Tests/ScriptedEngine",
      swiftSettings: swift),
    .target(
      name: "FuzzTargets",
      dependencies: [
        "Pages", "Reporting", "Reports", "Symbols", "Dump", "Analysis", "CTF", "Devices", "Virtio", "Board",
        "Boot",
        "GuestRAM", "Platform", "RingDriver", "TCG", "Engine",
      ],
      path: "Tests/Fuzz/Targets", swiftSettings: swift),
    .testTarget(
      name: "FuzzTests", dependencies: ["FuzzTargets", "TestSupport"], path: "Tests/Fuzz/Tests",
      swiftSettings: swift),
    .testTarget(
      name: "PlatformTests", dependencies: ["Platform", "CLinux", "TestSupport"], swiftSettings: swift),
    .testTarget(
      name: "URingTests", dependencies: ["URing", "Platform", "CURing", "CLinux", "TestSupport"],
      swiftSettings: swift),
    .testTarget(
      name: "TCGTests", dependencies: ["TCG", "Engine", "Devices", "GuestRAM", "Platform"],
      swiftSettings: swift),
    .testTarget(name: "GuestRAMTests", dependencies: ["GuestRAM", "TestSupport"], swiftSettings: swift),
    .target(
      name: "RingDriver", dependencies: ["Devices", "GuestRAM"], path: "Tests/RingDriver",
      swiftSettings: swift + quick),
    .testTarget(
      name: "DevicesTests", dependencies: ["Devices", "GuestRAM", "RingDriver", "TestSupport"],
      swiftSettings: swift),
    .testTarget(
      name: "VirtioTests",
      dependencies: [
        "Virtio", "Devices", "GuestRAM", "Platform", "URing", "RingDriver", "TestSupport", "CURing", "CLinux",
      ],
      swiftSettings: swift),
    .testTarget(
      name: "BoardTests",
      dependencies: ["Board", "Processors", "Devices", "Virtio", "GuestPrograms", "GuestRAM"],
      swiftSettings: swift),
    .testTarget(
      name: "BootTests", dependencies: ["Board", "Boot", "GuestRAM", "Platform", "TestSupport"],
      swiftSettings: swift),
    .testTarget(
      name: "GuestAgentTests", dependencies: ["GuestAgent", "Platform", "TestSupport"], swiftSettings: swift),
    .testTarget(
      name: "GuestProgramsTests", dependencies: ["GuestPrograms", "Board", "Processors"], swiftSettings: swift
    ),
    .testTarget(
      name: "KVMTests", dependencies: ["KVM", "Engine", "CKVM", "GuestRAM", "CTestGuests", "TestSupport"],
      swiftSettings: swift),
    .testTarget(
      name: "MachineTests",
      dependencies: [
        "Machine", "Engine", "ScriptedEngine", "Platform", "GuestPrograms", "CTestGuests", "TestSupport",
        "CLinux", "Virtio",
        "exeunt",
      ],
      swiftSettings: swift),
    .executableTarget(
      name: "exit-path", dependencies: ["Machine", "Engine", "ScriptedEngine"], path: "Tests/ExitPath",
      swiftSettings: swift),
    .executableTarget(
      name: "recorder-probe", dependencies: ["Recorder", "CTracepoints"], path: "Tests/RecorderProbe",
      swiftSettings: swift),
    .testTarget(
      name: "RecorderTests", dependencies: ["Recorder", "recorder-probe", "exeunt-analyze", "TestSupport"],
      swiftSettings: swift
    ),
    .testTarget(
      name: "EndToEndTests",
      dependencies: [
        "Reporting", "Reports", "GuestPrograms", "Board", "Processors", "exeunt", "exeunt-sweep",
        "exeunt-analyze",
        "CTestGuests", "TestSupport", "Platform", "InertText",
      ],
      exclude: ["Oracle"], swiftSettings: swift),
  ])

let package = Package(
  name: "exeunt",
  products: ["exeunt", "exeunt-sweep", "exeunt-analyze"].filter { name in targets.contains { $0.name == name }
  }
  .map { .executable(name: $0, targets: [$0]) },
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
  ],
  targets: targets,
  swiftLanguageModes: [.v6]
)
