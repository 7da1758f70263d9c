import Testing

@testable import Sweep

@Suite("Experiments as YAML")
struct ExperimentFileTests {
  @Test("every guest runs on every combination of levels, with the options of all")
  func configurations() throws {
    let experiment = try ExperimentFile.read(
      """
      question: What is better?
      guests:
        - doorbell iterations=100 wait=interrupt
        - port-io
      options: {cpus: 2, trace-rip: true, mem-prealloc: false, pin: [vcpu0=0, io0=1]}
      factors:
        ioeventfd: [on, off]
        threads:
          one: {iothreads: 1}
          named:
            object: "iothread,id=a"
            append: -- x
      pairs: 12
      warm-up: 0
      """)
    #expect(experiment.question == "What is better?" && experiment.pairs == 12 && experiment.warmUps == 0)
    let all = experiment.configurations
    #expect(all.count == 8 && Set(all.map(\.label)).count == 8)
    let shared = ["--cpus=2", "--trace-rip", "--pin=vcpu0=0", "--pin=io0=1"]
    #expect(all.allSatisfy { Array($0.arguments.prefix(4)) == shared })
    // Words of YAML 1.1 for true and false are what they are written as.
    #expect(
      all[0].arguments.dropFirst(4) == [
        "--guest", "doorbell", "iterations=100", "wait=interrupt", "--ioeventfd=on", "--iothreads=1",
      ])
    #expect(all[7].arguments.suffix(3) == ["--ioeventfd=off", "--object=iothread,id=a", "--append=-- x"])
    #expect(all[7].levels.map(\.level) == ["off", "named"] && all[7].guest == "port-io")
    for factor in ["ioeventfd", "threads"] {
      let levels = all.compactMap { $0.levels.first { $0.factor == factor }?.level }
      #expect(Dictionary(grouping: levels) { $0 }.values.allSatisfy { $0.count == 4 })
    }
  }

  @Test("machines are the sweep's, and a configuration's label has them where they are varied")
  func machines() throws {
    let experiment = try ExperimentFile.read(
      "guests: [smp]\noptions: {cpus: 2}\nfactors:\n  machines: [1, 3]\nduet: force\nkeep: analysis\nrepeat-disturbed: 2"
    )
    let all = experiment.configurations
    #expect(all.map(\.machines) == [1, 3] && all.map(\.label) == ["machines=1", "machines=3"])
    #expect(all.allSatisfy { $0.arguments == ["--cpus=2", "--guest", "smp"] })
    #expect(experiment.duet == .force && experiment.keepsAnalysis && experiment.repeats == 2)
    let common = try ExperimentFile.read("guests: [smp]\noptions: {machines: 4}").configurations
    #expect(common.map(\.machines) == [4] && common[0].arguments == ["--guest", "smp"])
  }

  @Test("guests that are not built in have options of their own")
  func kernels() throws {
    let experiment = try ExperimentFile.read(
      """
      guests:
        linux: {kernel: vmlinux, append: "console=ttyS0 quiet"}
        flat: {flat: a.bin, parameters: "x=1 y=2"}
      """)
    #expect(
      experiment.guests.map(\.arguments) == [
        ["--kernel=vmlinux", "--append=console=ttyS0 quiet"], ["--flat=a.bin", "x=1", "y=2"],
      ])
    #expect(experiment.configurations.map(\.label) == ["linux", "flat"])
    #expect(experiment.pairs == Experiment.defaultPairs && experiment.warmUps == 1)
  }

  @Test("a kernel's command line may be empty, where that is said")
  func emptyCommandLine() throws {
    let experiment = try ExperimentFile.read(
      """
      guests:
        linux: {kernel: vmlinux, append: ""}
      """)
    #expect(experiment.guests.map(\.arguments) == [["--kernel=vmlinux", "--append="]])
    let varied = try ExperimentFile.read("guests:\n  l: {kernel: k}\nfactors:\n  append: ['', quiet]")
      .configurations
    #expect(varied.map(\.arguments) == [["--kernel=k", "--append="], ["--kernel=k", "--append=quiet"]])
    #expect(varied.map(\.label) == ["append=__", "append=quiet"])
    for text in ["guests:\n  l: {kernel: k, append: }", "guests:\n  l: {kernel: \"\"}"] {
      let mistake = try #require(throws: ExperimentFile.Mistake.self) { _ = try ExperimentFile.read(text) }
      #expect(mistake.line == 2 && mistake.text.contains("is empty"), "\(mistake)")
    }
  }

  @Test("a name that is not known is told where it stands, and not where its value does")
  func unknownNames() throws {
    for (text, line, column, words) in [
      ("guests: [smp]\nnonsens:  12", 2, 1, "'nonsens' is not known"),
      ("guests: [smp]\n\nguest:\n  - port-io", 3, 1, "did you mean 'guests'?"),
      ("guests: [smp]\nfactors:\n  guest:\n  - a\n  - b", 3, 3, "not a factor"),
      ("guests: [smp]\noptions:\n  Trace:\n   - a", 3, 3, "no option's name"),
      ("guests: [smp]\noptions:\n  trace:\n   a", 3, 3, "--trace"),
    ] {
      let mistake = try #require(throws: ExperimentFile.Mistake.self) { _ = try ExperimentFile.read(text) }
      #expect(mistake.line == line && mistake.column == column, "\(mistake)")
      #expect("\(mistake)".contains(words), "\(mistake)")
    }
  }

  @Test("what the monitor complains of is found in the file")
  func places() {
    let text = """
      guests:
        a: {guest: smp, cpus: 2}
        b: {guest: smp, cpus: 77, cpu: 3}
      factors:
        lock: [device, globl]
        x:
          y: {iothreadz: 1}
          z: {}
      """
    for (complaint, place) in [
      ("Error: The value 'globl' is invalid for '--lock <lock>'", "line 5, column 3: "),
      ("Error: Unknown option '--iothreadz=1'. Did you mean '--iothreads'?", "line 7, column 9: "),
      ("--cpus 77: give 1 to 64", "line 3, column 19: "), ("--cpus is wrong", "line 2, column 19: "),
      ("Error: Unknown option '--cpu'", "line 3, column 29: "), ("KVM is not there", ""),
      ("--memory is too much", ""),
    ] {
      #expect(OptionPlace.sentence(complaint, in: text) == place, "\(complaint)")
    }
    #expect(
      OptionPlace.sentence("--cpus", in: "guests: [") == "" && OptionPlace.sentence("--cpus", in: "") == "")
  }

  @Test(
    "mistakes are told with their place",
    arguments: [
      ("guests: [doorbell\nfactors: 1", 2, "',' or ']'"), ("guest: doorbell", 1, "'guest' is not known"),
      ("question: x", nil, "no guests"), ("guests: []", 1, "no guests"), ("", nil, "empty"),
      ("- a", 1, "names with values"),
      ("guests: [doorbell]\npairs: '3'", 2, "without quotes"),
      (
        "guests: [doorbell]\noptions: {cpus: 2}\nfactors:\n  cpus: [1, 2]", 4,
        "--cpus is set by factor 'cpus' and by options"
      ),
      (
        "guests: [smp]\nfactors:\n  cpus: [1, 2]\n  b:\n    x: {cpus: 1}\n    y: {lock: global}", 5,
        "factor 'b' and by factor 'cpus'"
      ),
      ("guests:\n  l: {kernel: k, cpus: 2}\nfactors:\n  cpus: [1, 2]", 4, "by guests"),
      ("guests:\n  l: {kernel: k, cpus: 2}\noptions: {cpus: 3}", 2, "by guest 'l' and by options"),
      ("guests: [smp]\noptions: {cpus: [1, 2]}", 2, "takes one value"),
      ("guests: [smp]\nfactors:\n  guest: [a, b]", 3, "not a factor"),
      ("guests: [\u{1}smp]", 1, "does not have"),
      ("guests: [smp]\nduet: true", 2, "has two configurations"),
      ("guests: [smp]\nduet: maybe", 2, "true, false or force"),
      (
        "guests: [smp]\nfactors: {lock: [device, global]}\noptions: {pin: vcpu0=0}\nduet: force", 4,
        "no thread can be pinned"
      ), ("guests: [smp]\nfactors: {pin: [vcpu0=0, vcpu0=1]}\nduet: true", 3, "no thread can be pinned"),
      ("guests: [smp]\nkeep: all", 2, "traces or analysis"),
      ("guests: [smp]\nrepeat-disturbed: 11", 2, "0 to 10"),
      ("guests: [smp]\nfactors:\n  machines: [1, 0]", 3, "1 to 16"),
      ("guests: [smp]\noptions: {machines: many}", 2, "1 to 16"),
      ("guests: [doorbell]\npairs: 0", 2, "1 to 100"), ("guests: [doorbell]\npairs: many", 2, "1 to 100"),
      ("guests: [doorbell]\nfactors:\n  lock: [device]", 3, "less than two"),
      ("guests: [doorbell]\nfactors:\n  lock: [device, device]", 3, "twice"),
      ("guests: [doorbell]\nfactors: [lock]", 2, "names with values"),
      ("guests: [doorbell]\noptions: {trace: x}", 2, "--trace"),
      ("guests: [doorbell]\noptions:\n  --cpus: 1", 3, "without the dashes"),
      ("guests: [doorbell]\noptions:\n  cpus: {a: 1}", 3, "one value"),
      ("guests: [\"--trace x\"]", 1, "a guest's name"), ("guests: [doorbell]\nguests: [smp]", 1, "twice"),
      ("guests: &a [*a]", nil, ""), ("guests: [\"\0\"]", nil, ""),
      ("guests: [doorbell, doorbell]", nil, "same name"),
    ] as [(String, Int?, String)])
  func mistakes(_ text: String, _ line: Int?, _ words: String) throws {
    let mistake = try #require(throws: ExperimentFile.Mistake.self) { _ = try ExperimentFile.read(text) }
    if let line { #expect(mistake.line == line, "\(mistake)") }
    #expect(words.isEmpty || "\(mistake)".contains(words), "\(mistake)")
  }

  @Test("more configurations than anybody waits for are refused, and labels are names of files")
  func limits() throws {
    let levels = (0..<17).map(String.init).joined(separator: ", ")
    let mistake = try #require(throws: ExperimentFile.Mistake.self) {
      _ = try ExperimentFile.read("guests: [smp]\nfactors: {a: [\(levels)], b: [\(levels)]}")
    }
    #expect(mistake.text.contains("289 configurations"))
    let odd = try ExperimentFile.read(
      "guests: [smp]\nfactors:\n  serial: [\"/dev/null\", \"../x y;rm $(z)\"]")
    let plain = odd.configurations.map(\.label)
    #expect(plain == ["serial=_dev_null", "serial=.._x_y_rm___z_"])
  }
}
